"""GluonCV's training data: its transform and targets on the images of a data set of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.data.dataset import ListedDataset


class LabelledImages(mx.gluon.data.Dataset):
    """A data set as GluonCV has them, every image with its label.

    An item is an image uint8 (H, W, 3), an MXNet array, and a label float32 (M, 6): corners in
    pixels, class, difficult.
    """

    def __init__(self, dataset: ListedDataset) -> None:
        annotations = [dataset.annotation(i) for i in range(len(dataset))]
        self._paths = [dataset.image_path(i) for i in range(len(dataset))]
        self._labels = [
            np.column_stack([a.boxes_px, a.labels, a.difficult]).astype(np.float32)
            for a in annotations
        ]

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[Any, np.ndarray]:
        return mx.image.imread(self._paths[index], 1), self._labels[index].copy()


def training_samples(
    dataset: ListedDataset, anchors: np.ndarray, input_size_hw: tuple[int, int]
) -> mx.gluon.data.Dataset:
    """GluonCV's training transform with its target generator, as its training script sets it up.

    Args:
        dataset: every image has a box at least.
        anchors: float32 (A, 4), centre form, px.
        input_size_hw: height and width of the network input.

    Returns:
        Image, class targets and box targets of each image, as MXNet arrays.
    """
    from gluoncv.data.transforms.presets.ssd import SSDDefaultTrainTransform

    transform = SSDDefaultTrainTransform(
        input_size_hw[1], input_size_hw[0], mx.nd.array(anchors[None])
    )
    return LabelledImages(dataset).transform(transform)


def original_pipeline(
    dataset: ListedDataset, anchors: np.ndarray, input_size_hw: tuple[int, int]
) -> Callable[[int], None]:
    """A callable of the number of an image, done when `training_samples` has every result."""
    samples = training_samples(dataset, anchors, input_size_hw)

    def make_sample(number: int) -> None:
        for result in samples[number]:
            result.wait_to_read()

    return make_sample
