"""Detections and ground truth of a whole data set as flat arrays, one row per box."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.errors import DataError


class AnnotationLike(Protocol):
    """The fields of an annotation that the metrics read; boxes in original image pixels."""

    @property
    def boxes_px(self) -> NDArray[Any]:
        """float32 (M, 4)."""

    @property
    def labels(self) -> NDArray[Any]:
        """int (M,)."""

    @property
    def difficult(self) -> NDArray[Any]:
        """bool (M,)."""

    @property
    def crowd(self) -> NDArray[Any]:
        """bool (M,)."""

    @property
    def coco(self) -> NDArray[Any] | None:
        """float64 (M, 5): x, y, w, h and area of a COCO file, or None."""


@dataclass(frozen=True)
class Detections:
    """Everything a network found in a data set; N detections in I images.

    | name           | shape  | dtype   | meaning                                                  |
    |----------------|--------|---------|----------------------------------------------------------|
    | image_index    | (N,)   | int64   | position of the image in the data set, rising            |
    | labels         | (N,)   | int64   | foreground class, from 0                                 |
    | scores         | (N,)   | float32 | confidence in [0, 1]                                     |
    | boxes_px       | (N, 4) | float32 | corners in pixels of the original image                  |
    | input_boxes_px | (N, 4) | float32 | the same in pixels of the network input, clipped to it   |
    | sizes_hw       | (I, 2) | int64   | height and width of each original image                  |
    | left_out       | (L,)   | int64   | images that could not be used; they have no detections   |

    Attributes:
        input_size_hw: height and width of the network input.
        seconds: wall time from asking for the first batch to the last result.
    """

    image_index: NDArray[Any]
    labels: NDArray[Any]
    scores: NDArray[Any]
    boxes_px: NDArray[Any]
    input_boxes_px: NDArray[Any]
    sizes_hw: NDArray[Any]
    input_size_hw: tuple[int, int]
    seconds: float = float("nan")
    left_out: NDArray[Any] = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def num_images(self) -> int:
        """Images that were really scored."""
        return len(self.sizes_hw) - len(self.left_out)

    @property
    def used(self) -> NDArray[Any]:
        """int64 (I - L,), positions of the images that were not left out, rising."""
        return np.setdiff1d(np.arange(len(self.sizes_hw)), self.left_out)

    def of_used_images(self) -> Detections:
        """The same, as of a data set that holds the images that were not left out alone."""
        used = self.used
        return replace(
            self,
            image_index=np.searchsorted(used, self.image_index),
            sizes_hw=self.sizes_hw[used],
            left_out=self.left_out[:0],
        )

    def leaving_out(self, images: NDArray[Any]) -> Detections:
        """The same, with these images left out too, and what was found in them."""
        left_out = np.union1d(self.left_out, images)
        kept = ~np.isin(self.image_index, left_out)
        return replace(self.only(kept), left_out=left_out)

    def only(self, rows: NDArray[Any]) -> Detections:
        """The detections at the places of a mask or of rising indices, of the same images."""
        columns = ("image_index", "labels", "scores", "boxes_px", "input_boxes_px")
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})

    @property
    def images_per_second(self) -> float:
        """Images really scored per second of wall time."""
        return self.num_images / self.seconds


@dataclass(frozen=True)
class GroundTruth:
    """All annotated boxes of a data set; M boxes, images without boxes have no row.

    | name        | shape  | dtype   | meaning                                       |
    |-------------|--------|---------|-----------------------------------------------|
    | image_index | (M,)   | int64   | position of the image in the data set, rising |
    | labels      | (M,)   | int64   | foreground class, from 0                      |
    | boxes_px    | (M, 4) | float32 | corners in pixels of the original image       |
    | difficult   | (M,)   | bool    | marked difficult: neither asked for nor wrong |
    | crowd       | (M,)   | bool    | one box around a group of objects             |
    | coco        | (M, 5) | float64 | x, y, w, h and area as a COCO file has them   |

    `coco` is None for a data set of another kind.
    """

    image_index: NDArray[Any]
    labels: NDArray[Any]
    boxes_px: NDArray[Any]
    difficult: NDArray[Any]
    crowd: NDArray[Any]
    coco: NDArray[Any] | None = None


def collect_ground_truth(annotations: Iterable[AnnotationLike]) -> GroundTruth:
    """Join the annotations of image 0, 1, 2, ... into one set; images may have no boxes."""
    items = list(annotations)
    counts = np.array([len(item.labels) for item in items], np.int64)

    def joined(name: str, dtype: type, empty: tuple[int, ...]) -> NDArray[Any]:
        parts = [np.asarray(getattr(item, name)) for item in items if len(item.labels)]
        return np.concatenate(parts).astype(dtype) if parts else np.zeros(empty, dtype)

    has_coco = bool(items) and all(item.coco is not None for item in items)
    return GroundTruth(
        image_index=np.repeat(np.arange(len(items)), counts),
        labels=joined("labels", np.int64, (0,)),
        boxes_px=joined("boxes_px", np.float32, (0, 4)),
        difficult=joined("difficult", np.bool_, (0,)),
        crowd=joined("crowd", np.bool_, (0,)),
        coco=joined("coco", np.float64, (0, 5)) if has_coco else None,
    )


def scale_to_input(
    boxes_px: NDArray[Any],
    image_index: NDArray[Any],
    sizes_hw: NDArray[Any],
    input_size_hw: tuple[int, int],
) -> NDArray[Any]:
    """Original pixels to pixels of the network input, which each image is stretched to.

    Args:
        boxes_px, image_index: float (N, 4) and int (N,), corners and the image of each box.
        sizes_hw: int (I, 2), original sizes.
        input_size_hw: height and width of the network input.

    Returns:
        float32 (N, 4); (0, 4) for no boxes.
    """
    factors_hw = np.asarray(input_size_hw, np.float64) / sizes_hw[image_index]  # (N, 2)
    factors = factors_hw[:, [1, 0, 1, 0]]
    return np.asarray(boxes_px * factors, np.float32)


def check_labels(detections: Detections, num_classes: int) -> None:
    """Raise DataError when the network found a class that the data set does not have."""
    if len(detections.labels) and detections.labels.max() >= num_classes:
        raise DataError(
            f"the network found class number {int(detections.labels.max())}, but the data set has "
            f"{num_classes} classes (0 to {num_classes - 1}); it was trained for other classes: "
            "choose the matching data set or weights"
        )
