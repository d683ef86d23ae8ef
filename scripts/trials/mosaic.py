"""Four pictures in one.

Source: YOLOv4, arXiv:2004.10934, section 3.3, "Mosaic".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from gluon_ssd.data.dataset import Dataset
from gluon_ssd.data.loading.samples import TrainSamples

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Pixels float32 (3, H, W), boxes float32 (M, 4) in pixels of it, labels (M,)."""
PROBABILITY = 0.5
"""Of a training image to become a mosaic."""


@dataclass(frozen=True)
class MosaicSamples(TrainSamples):
    """As `TrainSamples`; some images share their place with three others, drawn evenly."""

    on: ClassVar[bool] = True
    """Whether mosaics are made; the samples are made in the process of the training."""

    def __call__(
        self, dataset: Dataset, index: int, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """One training sample, a mosaic or not."""
        sample = self.augmented(dataset, index, rng)
        if MosaicSamples.on and rng.random() < PROBABILITY:
            sample = mosaic([sample, *(self._another(dataset, rng) for _ in range(3))], rng)
        return self.with_targets(*sample)

    def _another(self, dataset: Dataset, rng: np.random.Generator) -> Sample:
        return self.augmented(dataset, int(rng.integers(len(dataset))), rng)


def mosaic(four: Sequence[Sample], rng: np.random.Generator) -> Sample:
    """A part of four images of one size side by side, two in each row.

    The part is a square between once and twice their size, anywhere, which is shrunk to their size.
    Boxes whose centres lie in it stay, cut at its edges.
    """
    height, width = four[0][0].shape[1:]
    canvas = np.zeros((3, 2 * height, 2 * width), np.float32)
    moved = []
    for place, (pixels, boxes, _) in enumerate(four):
        y, x = (place // 2) * height, (place % 2) * width
        canvas[:, y : y + height, x : x + width] = pixels
        moved.append(np.asarray(boxes).reshape(-1, 4) + [x, y, x, y])
    boxes, labels = np.concatenate(moved), np.concatenate([each[2] for each in four])
    side = int(rng.integers(height, 2 * height + 1))
    left = int(rng.integers(2 * width - side + 1))
    top = int(rng.integers(2 * height - side + 1))
    part = np.ascontiguousarray(canvas[:, top : top + side, left : left + side])
    pixels = np.stack([cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA) for p in part])
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((centers > [left, top]) & (centers < [left + side, top + side])).all(axis=1)
    boxes = np.clip(boxes[inside] - [left, top, left, top], 0, side) * (height / side)
    return pixels, boxes.astype(np.float32), labels[inside]
