"""Which detections and annotated objects of an image overlap, of whatever classes they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.evaluation.detections import Detections, GroundTruth

SMALLEST_OVERLAP = 0.1
"""Below this overlap a detection has nothing to do with an object; as of TIDE."""


@dataclass(frozen=True)
class Pairs:
    """A detection and an object of one image that overlap; P pairs, by detection, then by object.

    | name    | shape | dtype   | meaning                                                     |
    |---------|-------|---------|-------------------------------------------------------------|
    | found   | (P,)  | int64   | row of the detection                                        |
    | truth   | (P,)  | int64   | row of the object                                           |
    | overlap | (P,)  | float64 | IoU; of an object to ignore, the part of the detection in it |
    """

    found: NDArray[Any]
    truth: NDArray[Any]
    overlap: NDArray[Any]

    def only(self, chosen: NDArray[Any]) -> Pairs:
        """The pairs at the places of a mask or of indices."""
        return Pairs(self.found[chosen], self.truth[chosen], self.overlap[chosen])


def to_ignore(truth: GroundTruth) -> NDArray[Any]:
    """bool (M,): objects that are neither asked for nor wrong: difficult ones and crowds."""
    ignored: NDArray[Any] = truth.difficult | truth.crowd
    return ignored


def truth_xywh(truth: GroundTruth) -> NDArray[Any]:
    """float64 (M, 5): x, y, width, height and area of each object as COCO's metric has them.

    Without a COCO file corners are inclusive: width = x_max - x_min + 1.
    """
    if truth.coco is not None:
        return truth.coco
    boxes = found_xywh(truth.boxes_px, edge_px=1)
    return np.column_stack([boxes, boxes[:, 2] * boxes[:, 3]])


def found_xywh(boxes_px: NDArray[Any], *, edge_px: int) -> NDArray[Any]:
    """float64 (N, 4): x, y, width and height of corners; `edge_px` as of `CocoTruth`."""
    boxes = boxes_px.astype(np.float64)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2] + edge_px], axis=1)


def overlapping_pairs(
    found: Detections,
    truth: GroundTruth,
    *,
    edge_px: int = 1,
    least: float = SMALLEST_OVERLAP,
) -> Pairs:
    """All pairs of a detection and an object that overlap by at least `least`.

    Args:
        found, truth: of one data set, rows ordered by image.
        edge_px: what the width of a detection has above x_max - x_min; as of `CocoTruth`.
        least: smallest overlap.

    Returns:
        The pairs, of all classes. None for no detections or no objects. Overlap is as in
        pycocotools: that with a crowd or a difficult object is the share of the detection.
    """
    ours, theirs = found_xywh(found.boxes_px, edge_px=edge_px), truth_xywh(truth)[:, :4]
    ignored = to_ignore(truth)
    images = range(len(found.sizes_hw))
    our_ends = np.searchsorted(found.image_index, images, side="right")
    their_ends = np.searchsorted(truth.image_index, images, side="right")
    parts: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []
    our_start = their_start = 0
    for our_end, their_end in zip(our_ends.tolist(), their_ends.tolist(), strict=True):
        a, b = slice(our_start, our_end), slice(their_start, their_end)
        overlap = _overlaps(ours[a], theirs[b], ignored[b])
        row, column = np.nonzero(overlap >= least)
        parts.append((row + our_start, column + their_start, overlap[row, column]))
        our_start, their_start = our_end, their_end
    if not parts:
        none = np.zeros(0, np.int64)
        return Pairs(none, none, np.zeros(0))
    rows, columns, overlaps = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Pairs(rows, columns, overlaps)


def _overlaps(ours: NDArray[Any], theirs: NDArray[Any], ignored: NDArray[Any]) -> NDArray[Any]:
    """(N, M) overlaps of boxes (N, 4) with boxes (M, 4), both x, y, width, height."""
    a, b = ours[:, np.newaxis], theirs[np.newaxis]
    sides = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:]) - np.maximum(
        a[..., :2], b[..., :2]
    )
    shared = np.where((sides > 0).all(axis=2), sides.prod(axis=2), 0.0)
    our_area, their_area = a[..., 2:].prod(axis=2), b[..., 2:].prod(axis=2)
    whole = np.where(ignored, our_area, our_area + their_area - shared)
    overlap: NDArray[Any] = np.zeros_like(shared)
    np.divide(shared, whole, out=overlap, where=whole > 0)
    return overlap
