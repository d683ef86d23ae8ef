"""The images of a search, decoded once and kept between trials where there is room."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from gluon_ssd.commands.wiring.loaders import model_loader
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.loading.loader import Batch, Loader
from gluon_ssd.deploy.mxnet.int8.stored_batches import StoredBatches
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.options.shared import DataOptions
from gluon_ssd.system.memory import available_bytes

_log = logging.getLogger(__name__)

_SHARE_OF_MEMORY = 3
"""A batch may take a third of what is free: images, network and what is on its way at once."""
_SHARE_OF_DISK = 2


class TuningImages:
    """Every image of a data set, as often as asked for.

    Args:
        loader: makes the batches.
        count: images in all.
        kept: where decoded images go; None decodes them anew for every trial.
    """

    def __init__(self, loader: Loader, count: int, kept: StoredBatches | None) -> None:
        self._loader = loader
        self._kept = kept
        self._facts: list[tuple[np.ndarray, np.ndarray]] = []
        self.count = count

    def batches(self) -> Iterator[Batch]:
        """All batches, in order; arrays stay until the next one is asked for."""
        if self._kept is not None and self._kept.num_images == self.count:
            for images, (sizes_hw, indices) in zip(self._kept, self._facts, strict=True):
                yield Batch({"image": images, "size_hw": sizes_hw}, indices)
            return
        if self._facts:
            self._kept = None  # a pass was broken off: what it stored is incomplete
        for batch in self._loader.epoch(0):
            arrays = {name: batch.arrays[name] for name in ("image", "size_hw")}
            if self._kept is not None:
                self._kept.append(arrays["image"])
                self._facts.append((arrays["size_hw"].copy(), np.array(batch.indices)))
            yield Batch(arrays, np.array(batch.indices))


@contextmanager
def tuning_images(
    options: DataOptions, dataset: ListedDataset, model: DetectorFacts, batch_size: int
) -> Iterator[TuningImages]:
    """Open the images of a data set for many passes."""
    shape = (3, *model.input_size_hw)
    needed, room = 4 * len(dataset) * int(np.prod(shape)), shutil.disk_usage(tempfile.gettempdir())
    keep = needed * _SHARE_OF_DISK <= room.free
    if not keep:
        _log.warning(
            "%d decoded images take %.1f GiB and %s has %.1f GiB free: they are read anew for "
            "every trial (TMPDIR can name another folder)",
            len(dataset),
            needed / 2**30,
            tempfile.gettempdir(),
            room.free / 2**30,
        )
    with model_loader(options, dataset, model, batch_size, leave_out=True) as loader:
        if not keep:
            yield TuningImages(loader, len(dataset), None)
            return
        with StoredBatches.create(shape, len(dataset)) as kept:
            yield TuningImages(loader, len(dataset), kept)


def images_of(options: DataOptions, dataset: ListedDataset, model: DetectorFacts) -> np.ndarray:
    """All images of a small data set, float32 (N, 3, H, W), normalised."""
    with model_loader(options, dataset, model, batch_size=16) as loader:
        return np.concatenate([batch.arrays["image"].copy() for batch in loader.epoch(0)])


def batch_that_fits(wanted: int, bytes_an_image: int, count: int) -> int:
    """The batch size, cut to the number of images and to what memory allows, with a notice.

    How images are batched changes no result.
    """
    free, size = available_bytes(), min(wanted, count)
    if free is None or size * bytes_an_image * _SHARE_OF_MEMORY <= free:
        return size
    fitting = max(1, free // (_SHARE_OF_MEMORY * bytes_an_image))
    _log.warning(
        "--batch-size %d: %d images take about %.1f GiB and %.1f GiB are free; running %d at once",
        wanted,
        size,
        size * bytes_an_image / 2**30,
        free / 2**30,
        fitting,
    )
    return fitting
