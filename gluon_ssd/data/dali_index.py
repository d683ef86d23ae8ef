"""The index that the DALI path trains from, in the form that DALI's COCO reader keeps.

Made from any data set, whatever files its labels came from: for each image its file, its size, its
boxes as corners in shares of the image, and its labels. It stays in memory, where the checked data
set is anyway, so there is no second annotation file that could be stale or half-written.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gluon_ssd.data.dataset import Dataset
from gluon_ssd.data.images import image_size, read_image


class Entry(NamedTuple):
    """One image.

    | name | shape | dtype | meaning |
    |---|---|---|---|
    | path | | str | file |
    | size_hw | 2 ints | | height, width in pixels |
    | boxes_px | (M, 4) | float32 | corners in pixels |
    | boxes_unit | (M, 4) | float32 | the same in shares of width and height, 0 to 1 |
    | labels | (M,) | int32 | class numbers from 0 |
    """

    path: str
    size_hw: tuple[int, int]
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
        """All about one image.

        Raises:
            DataError: the annotation does not tell the size, and the file cannot either.
        """
        annotation = self._dataset.annotation(index)
        path = self._dataset.image_path(index)
        height, width = annotation.size_hw or image_size(path) or read_image(path).shape[:2]
        sides = np.array([width, height, width, height], dtype=np.float32)
        unit = np.clip(annotation.boxes_px / sides, 0, 1).astype(np.float32)
        return Entry(path, (height, width), annotation.boxes_px, unit, annotation.labels)
