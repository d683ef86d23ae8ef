"""The index that the DALI path trains from, in the form that DALI's COCO reader keeps.

Made from any data set, whatever files its labels came from: for each image its file, its boxes
as corners in shares of the image, and its labels. It stays in memory, where the checked data set is
anyway, so there is no second annotation file that could be stale or half-written.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gluon_ssd.data.dataset import Dataset
from gluon_ssd.data.images import measure_image
from gluon_ssd.errors import DataError


class Entry(NamedTuple):
    """One image.

    | name | shape | dtype | meaning |
    |---|---|---|---|
    | path | | str | file |
    | boxes_px | (M, 4) | float32 | corners in pixels |
    | boxes_unit | (M, 4) | float32 | the same in shares of width and height, 0 to 1; (0, 4) when
        neither the annotation nor the file tells the size |
    | labels | (M,) | int32 | class numbers from 0 |
    """

    path: str
    boxes_px: np.ndarray
    boxes_unit: np.ndarray
    labels: np.ndarray


class DaliIndex:
    """Entries by position in the data set; difficult objects are trained on, as natively.

    Args:
        dataset: the images and their annotations.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def path(self, index: int) -> str:
        """File of an image."""
        return self._dataset.image_path(index)

    def entry(self, index: int) -> Entry:
        """All about one image."""
        annotation = self._dataset.annotation(index)
        path = self._dataset.image_path(index)
        return Entry(
            path,
            annotation.boxes_px,
            _in_shares(annotation.boxes_px, annotation.size_hw or _size_of(path)),
            annotation.labels,
        )


def _in_shares(boxes_px: np.ndarray, size_hw: tuple[int, int] | None) -> np.ndarray:
    if size_hw is None:
        return np.zeros((0, 4), dtype=np.float32)
    sides = np.array([*size_hw[::-1], *size_hw[::-1]], dtype=np.float32)
    return np.clip(boxes_px / sides, 0, 1).astype(np.float32)


def _size_of(path: str) -> tuple[int, int] | None:
    """Of an image whose annotation does not tell; None if the file is of no use."""
    try:
        return measure_image(path)
    except DataError:
        return None
