"""The matcher of the toy family: the anchor next to each box, and neighbours that do not count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.detection.boxes import center_to_corner, encode_boxes, iou_matrix

_IGNORED_FROM = 0.4  # overlap with a box from which other anchors are neither one nor the other


@dataclass(frozen=True)
class NearestAnchor:
    """Callable (boxes_px (M, 4), labels (M,)) -> (class targets (A,), box targets (A, 4))."""

    anchors_px: NDArray[np.float32]
    stds: Sequence[float]

    def __call__(
        self, boxes_px: NDArray[np.float32], labels: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Above 0 is label + 1, 0 is background and -1 is ignored."""
        boxes = np.asarray(boxes_px, np.float32).reshape(-1, 4)
        overlaps = iou_matrix(center_to_corner(self.anchors_px), boxes)  # (A, M)
        class_targets = np.zeros(len(self.anchors_px), np.int32)
        class_targets[(overlaps > _IGNORED_FROM).any(axis=1)] = -1
        box_targets = np.zeros((len(self.anchors_px), 4), np.float32)
        for box, label in zip(boxes, labels, strict=True):
            distance = np.abs(center_to_corner(self.anchors_px) - box).sum(axis=1)
            nearest = int(distance.argmin())
            class_targets[nearest] = label + 1
            row = self.anchors_px[nearest : nearest + 1]
            box_targets[nearest] = encode_boxes(box[None], row, self.stds)[0]
        return class_targets, box_targets
