"""The images that a model is calibrated with, read once and stored."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from gluon_ssd.commands.wiring.data import evaluation_set, is_one_set, splits_named
from gluon_ssd.commands.wiring.loaders import model_loader
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.deploy.mxnet.int8.layer_errors import RANKING
from gluon_ssd.deploy.mxnet.int8.stored_batches import StoredBatches
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.system.progress import progress_bar

_log = logging.getLogger(__name__)


def calibration_set(command: EvalCommand, model: DetectorFacts) -> ListedDataset:
    """The images to calibrate with, the first ones first.

    Without ``--calib-split`` they are those of the evaluation set in the order of its files, as
    legacy takes them; else a random order of the named splits.

    Raises:
        DataError: the data is not there, or its classes are not the model's.
        OptionError: the data set is one file, and has no splits.
    """
    split = command.deploy.calib_split
    if not split:
        return evaluation_set(command.data, model)
    # A file has no usual training images, but those that are scored or not held out.
    share = command.data.val_share if split == "train" else 0.0
    is_usual = split == "train" and not (is_one_set(command.data) and not share)
    splits = command.data.splits if share else "" if is_usual else split
    drawn = replace(command.data, splits=splits, val_share=share, limit_images=0)
    with splits_named("calib_split"):
        dataset = evaluation_set(drawn, model, train=is_usual)
    order = np.random.default_rng(command.deploy.calib_seed).permutation(len(dataset))
    return dataset.subset(int(i) for i in order[: command.data.limit_images or None])


@contextmanager
def calibration_batches(
    command: EvalCommand, model: Any, dataset: ListedDataset, count: int, show: Bars
) -> Iterator[StoredBatches]:
    """The first images of a data set as batches, float32 (B, 3, H, W), in a nameless file.

    Args:
        command: the options.
        model: what they are prepared for, with its `image_shape`.
        dataset: as `calibration_set` returns it.
        count: images in all, no more than there are.
        show: told of every batch.
    """
    with StoredBatches.create(model.image_shape, count) as batches:
        chosen = dataset.subset(range(count))
        batch_size = command.batch_size(on_gpus=False)
        with model_loader(command.data, chosen, model, batch_size) as loader:
            for batch in loader.epoch(0):
                batches.append(batch.arrays["image"])
                show("reading images", batches.num_images, count)
        yield batches


def images_to_use(command: EvalCommand, dataset: ListedDataset, most: int | None = None) -> int:
    """How many images --num-calib-batches and --batch-size ask for, and the data set has.

    `most` is an upper limit. Logs it when there are fewer than asked for.
    """
    wanted = command.deploy.num_calib_batches * command.batch_size(on_gpus=False)
    wanted = min(wanted, most or wanted)
    count = min(wanted, len(dataset))
    if count < wanted:
        _log.warning("the data set has %d images of the %d asked for", count, wanted)
    return count


class Bars:
    """One progress bar after the other: a new one whenever something new is being done."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: Any = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            self.close()
            unit = "layer" if stage == RANKING else "img"
            self._stage, self._bar = stage, progress_bar(total=total, unit=unit, description=stage)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """End the last bar."""
        if self._bar is not None:
            self._bar.close()
