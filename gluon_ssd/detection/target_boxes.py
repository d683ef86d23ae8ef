"""The objects that the targets of an image stand for: what a network is really told. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gluon_ssd.detection.boxes import FloatArray, IndexArray, decode_boxes
from gluon_ssd.detection.matching import IntArray

_SAME_PX = 0.5  # boxes of one class that are nearer are one object, decoded from several anchors


class TargetBoxes(NamedTuple):
    """Objects of one image.

    boxes_px: float32 (M, 4), corners in pixels of the network input. labels: int64 (M,). anchors:
    int64 (M,), how many anchors are to find each.
    """

    boxes_px: FloatArray
    labels: IndexArray
    anchors: IndexArray


def boxes_of_targets(
    class_targets: IntArray,
    box_targets: FloatArray,
    anchors_center_px: FloatArray,
    stds: Sequence[float],
) -> TargetBoxes:
    """Undo `MakesTargets`: an object that no anchor was matched to is not there, as in training.

    Args:
        class_targets: int (A,), label + 1 for a match.
        box_targets: float32 (A, 4), encoded offsets of the matches.
        anchors_center_px: float32 (A, 4), centres in pixels of the network input.
        stds: what the offsets were divided by.

    Returns:
        The objects in the order of their first anchors; none for an image without any.
    """
    matched = np.flatnonzero(np.asarray(class_targets) > 0)
    labels = np.asarray(class_targets)[matched].astype(np.int64) - 1
    boxes = decode_boxes(np.asarray(box_targets)[matched], anchors_center_px[matched], stds)
    left, firsts, counts = np.arange(len(matched)), [], []
    while len(left):
        first = left[0]
        near = np.abs(boxes[left] - boxes[first]).max(axis=1) < _SAME_PX
        same = near & (labels[left] == labels[first])
        firsts.append(first)
        counts.append(int(same.sum()))
        left = left[~same]
    chosen = np.array(firsts, np.int64)
    return TargetBoxes(boxes[chosen], labels[chosen], np.array(counts, np.int64))
