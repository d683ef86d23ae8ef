"""Geometry of boxes: overlap, conversion, coding, clipping. NumPy only.

Corners are (x_min, y_min, x_max, y_max), centres are (c_x, c_y, width, height), both in pixels;
sizes are (height, width). A box of width w covers w pixels, there is no "+1" anywhere. Every
function takes zero boxes as an array of shape (0, 4), returns new arrays and changes no argument.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gluon_ssd.detection.decoding import STDS
from gluon_ssd.errors import DataError

FloatArray = npt.NDArray[np.float32]
IndexArray = npt.NDArray[np.int64]


def iou_matrix(a_px: FloatArray, b_px: FloatArray) -> FloatArray:
    """Overlap of every box of one set with every box of another.

    Args:
        a_px: float32 (N, 4), corners in pixels.
        b_px: float32 (M, 4), corners in pixels.

    Returns:
        float32 (N, M), intersection over union in [0, 1]; 0 wherever a box has no area.
    """
    a = np.asarray(a_px, dtype=np.float32).reshape(-1, 4)
    b = np.asarray(b_px, dtype=np.float32).reshape(-1, 4)
    result = np.zeros((len(a), len(b)), dtype=np.float32)
    areas = box_areas(a)
    # One column at a time keeps every temporary at N numbers.
    for column, (box, area) in enumerate(zip(b, box_areas(b), strict=True)):
        width = np.minimum(a[:, 2], box[2]) - np.maximum(a[:, 0], box[0])
        height = np.minimum(a[:, 3], box[3]) - np.maximum(a[:, 1], box[1])
        overlap = np.maximum(width, 0) * np.maximum(height, 0)
        union = areas + area - overlap
        np.divide(overlap, union, out=result[:, column], where=overlap > 0)
    return result


def box_areas(boxes_px: FloatArray) -> FloatArray:
    """Areas, float32 (N,), of corners (N, 4); a box turned inside out has area 0."""
    width = np.maximum(boxes_px[:, 2] - boxes_px[:, 0], 0)
    height = np.maximum(boxes_px[:, 3] - boxes_px[:, 1], 0)
    areas: FloatArray = width * height
    return areas


def corner_to_center(boxes_px: FloatArray) -> FloatArray:
    """Corners (..., 4) to centres (..., 4), float32."""
    boxes = np.asarray(boxes_px, dtype=np.float32)
    size = boxes[..., 2:] - boxes[..., :2]
    return np.concatenate([boxes[..., :2] + size * np.float32(0.5), size], axis=-1)


def center_to_corner(boxes_center_px: FloatArray) -> FloatArray:
    """Centres (..., 4) to corners (..., 4), float32."""
    boxes = np.asarray(boxes_center_px, dtype=np.float32)
    half = boxes[..., 2:] * np.float32(0.5)
    return np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], axis=-1)


def clip_boxes(boxes_px: FloatArray, size_hw: tuple[int, int]) -> FloatArray:
    """Corners (N, 4) pulled inside an image of (height, width); they may become empty."""
    height, width = size_hw
    limits = np.array([width, height, width, height], dtype=np.float32)
    clipped: FloatArray = np.clip(np.asarray(boxes_px, dtype=np.float32), 0, limits)
    return clipped


def encode_boxes(
    gt_px: FloatArray, anchors_center_px: FloatArray, stds: Sequence[float] = STDS
) -> FloatArray:
    """Offsets that lead from anchors to ground-truth boxes, the targets of the box head.

    Args:
        gt_px: float32 (N, 4), corners in pixels, one for each anchor.
        anchors_center_px: float32 (N, 4), centres in pixels.
        stds: the four scales the raw offsets are divided by.

    Returns:
        float32 (N, 4): shift of the centre in anchor sizes, logarithm of the size ratio.

    Raises:
        DataError: a ground-truth box has no area.

    Source: SSD, arXiv:1512.02325, section 2.2, equation 2; the stds are those of its Caffe code.
    """
    refuse_flat_boxes(gt_px)
    target = corner_to_center(gt_px)
    anchors = np.asarray(anchors_center_px, dtype=np.float32)
    scale = np.asarray(stds, dtype=np.float32)
    offsets = np.empty_like(target)
    offsets[:, :2] = (target[:, :2] - anchors[:, :2]) / anchors[:, 2:] / scale[:2]
    offsets[:, 2:] = np.log(target[:, 2:] / anchors[:, 2:]) / scale[2:]
    return offsets


def refuse_flat_boxes(boxes_px: FloatArray) -> None:
    """Raise DataError when one of the corners (N, 4) in pixels has no area."""
    sizes = corner_to_center(boxes_px)[:, 2:]
    with_area = (sizes > 0).all(axis=1)  # not so with NaN either
    if not with_area.all():
        row = int(np.argmin(with_area))
        raise DataError(
            f"box {row} cannot be encoded: {np.asarray(boxes_px)[row].tolist()} has no area; "
            "x_max must be above x_min and y_max above y_min"
        )


def decode_boxes(
    offsets: FloatArray, anchors_center_px: FloatArray, stds: Sequence[float] = STDS
) -> FloatArray:
    """Corners (N, 4) in pixels from offsets (N, 4): the inverse of encode_boxes, not clipped."""
    anchors = np.asarray(anchors_center_px, dtype=np.float32)
    raw = np.asarray(offsets, dtype=np.float32) * np.asarray(stds, dtype=np.float32)
    centers = raw[:, :2] * anchors[:, 2:] + anchors[:, :2]
    sizes = np.exp(raw[:, 2:]) * anchors[:, 2:]
    return center_to_corner(np.concatenate([centers, sizes], axis=1))


def flip_boxes_horizontally(boxes_px: FloatArray, width: float) -> FloatArray:
    """Corners (N, 4) mirrored left to right in an image `width` pixels wide."""
    flipped = np.array(boxes_px, dtype=np.float32)
    flipped[:, 0] = width - boxes_px[:, 2]
    flipped[:, 2] = width - boxes_px[:, 0]
    return flipped


def resize_boxes(
    boxes_px: FloatArray, from_hw: tuple[int, int], to_hw: tuple[int, int]
) -> FloatArray:
    """Corners (N, 4) of an image of size `from_hw` in the same image scaled to `to_hw`."""
    y_scale, x_scale = to_hw[0] / from_hw[0], to_hw[1] / from_hw[1]
    scale = np.array([x_scale, y_scale, x_scale, y_scale])
    resized: FloatArray = (np.asarray(boxes_px) * scale).astype(np.float32)
    return resized
