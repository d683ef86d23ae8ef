"""Options -> the training loader that works through DALI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gluon_ssd.data.dali.loader import DaliLoader
from gluon_ssd.data.dali.prepare import DaliSamples
from gluon_ssd.data.dali.settings import DaliAugmentation
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.loading.batch_plan import Share
from gluon_ssd.detection.matching import TargetMaker
from gluon_ssd.options.train import TrainCommand, TrainDataOptions

_NARROW_HUE = (-18.0, 18.0)


def dali_loader(
    command: TrainCommand,
    dataset: ListedDataset,
    contexts: Sequence[Any],
    *,
    anchors_px: np.ndarray,
    normalization: tuple,
    share: Share = Share(),  # noqa: B008  (immutable)
) -> DaliLoader:
    """As gluon_ssd.commands.wiring.data.training_loader, on the first of the devices.

    Args:
        command: the options.
        dataset: the training set.
        contexts: devices to train on; DALI works on the first when that is a GPU.
        anchors_px: float32 (A, 4), centre format, pixels of the network input.
        normalization: (mean, std) of the network, RGB, for values in [0, 1].
        share: what this process gets of a step, and in how many batches.

    Raises:
        EnvironmentProblem: DALI is not installed.
    """
    mean, std = normalization
    side = command.model.data_shape
    samples = DaliSamples(
        (side, side), augmentation(command.data), TargetMaker(anchors_px), mean, std
    )
    on_gpu = contexts[0].device_type == "gpu"
    return DaliLoader(
        dataset,
        samples,
        batch_size=command.optimizer.batch_size * share.parts,
        seed=command.train.seed,
        num_threads=command.data.num_workers,
        device_id=contexts[0].device_id if on_gpu else None,
        share=share,
        skip_bad=command.data.on_bad_image == "skip",
    )


def augmentation(options: TrainDataOptions) -> DaliAugmentation:
    """The published ranges, or with --augmentation light and --hue narrow other ones."""
    if options.augmentation == "legacy":
        hue = _NARROW_HUE if options.hue == "narrow" else DaliAugmentation.hue
        return DaliAugmentation(hue=hue)
    return DaliAugmentation(
        zoom_probability=0.0,
        crop_scale=(0.6, 1.0),
        brightness=(0.9375, 1.0625),
        contrast=(0.75, 1.25),
        saturation=(0.75, 1.25),
        hue=_NARROW_HUE,
    )
