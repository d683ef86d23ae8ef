"""Match ground truth to anchors and encode it into what the two heads should answer. NumPy only.

Runs inside the data workers, one image at a time, so it holds its temporaries to one row of A
numbers and looks closely only at the few anchors that can match at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from gluon_ssd.detection.boxes import (
    FloatArray,
    IndexArray,
    box_areas,
    center_to_corner,
    corner_to_center,
    encode_boxes,
)
from gluon_ssd.detection.decoding import STDS

IntArray = npt.NDArray[np.int32]

MakesTargets = Callable[[FloatArray, IntArray], tuple[IntArray, FloatArray]]
"""(boxes float32 (M, 4), corners in pixels of the network input, labels int32 (M,)) -> (class
targets int32 (A,), box targets float32 (A, 4)) of one image; class targets above 0 are label + 1, 0
is background, below 0 is ignored. Runs in data workers, without MXNet; it must pickle."""

# Below this an overlap counts as none, and the pair may not be matched.
_MIN_OVERLAP = 1e-12


class Overlaps:
    """Callable boxes (M, 4) -> float32 (M, A), intersection over union, one ground truth a row.

    Args:
        corners: float32 (A, 4), of anchors; the boxes come in the same unit.
    """

    def __init__(self, corners: FloatArray) -> None:
        self._columns = np.ascontiguousarray(corners.T)
        self._areas = box_areas(corners)

    def __call__(self, boxes: FloatArray) -> FloatArray:
        """See the class; 0 where an anchor and a box have no area between them."""
        x_min, y_min, x_max, y_max = self._columns
        overlaps = np.empty((len(boxes), len(self._areas)), dtype=np.float32)
        height = np.empty_like(self._areas)
        low = np.empty_like(self._areas)
        for row, box, area in zip(overlaps, boxes, box_areas(boxes), strict=True):
            np.minimum(x_max, box[2], out=row)
            row -= np.maximum(x_min, box[0], out=low)
            np.maximum(row, 0, out=row)
            np.minimum(y_max, box[3], out=height)
            height -= np.maximum(y_min, box[1], out=low)
            np.maximum(height, 0, out=height)
            row *= height
            union = np.add(self._areas, area, out=low)
            union -= row
            # An anchor and a box both without area would divide 0 by 0.
            np.divide(row, union, out=row, where=union > 0)
        return overlaps


class TargetMaker:
    """Callable (boxes, labels) -> (class targets, box targets) for one fixed set of anchors.

    Every ground truth first takes its own anchor, best overlaps first (bipartite); an anchor that
    ties with the best anchor of its favourite ground truth joins it; every other anchor takes its
    favourite if they overlap by at least `iou_threshold`. There is no ignore label: the loss does
    the mining. Among equal overlaps the lower anchor, then the lower ground truth, goes first.

    Source: SSD, arXiv:1512.02325, section 2.2, "Matching strategy"; the tie rule is GluonCV's.
    It differs from GluonCV in one case: a ground truth that overlaps no anchor at all, such as
    one without area, matches none here.

    Args:
        anchors_center_px: float32 (A, 4), default boxes as centres in pixels of the input.
        iou_threshold: overlap from which an anchor is a match.
        stds: scales of the encoded offsets.
    """

    def __init__(
        self,
        anchors_center_px: FloatArray,
        *,
        iou_threshold: float = 0.5,
        stds: Sequence[float] = STDS,
    ) -> None:
        self._corners = center_to_corner(np.reshape(anchors_center_px, (-1, 4)))
        # Back from the corners, so that the rounding is that of the reference.
        self._centers = corner_to_center(self._corners)
        self._overlaps = Overlaps(self._corners)
        self._iou_threshold = np.float32(iou_threshold)
        self._stds = tuple(float(value) for value in stds)

    @property
    def num_anchors(self) -> int:
        """A, the length of both results."""
        return len(self._corners)

    def __call__(self, boxes_px: FloatArray, labels: IntArray) -> tuple[IntArray, FloatArray]:
        """Targets of one image.

        Args:
            boxes_px: float32 (M, 4), corners in pixels of the network input; M may be 0.
            labels: int32 (M,), foreground class numbers from 0.

        Returns:
            int32 (A,): 0 for background, label + 1 for a match; float32 (A, 4): encoded offsets
            of the matches, 0 elsewhere. Without boxes everything is background.
        """
        class_targets = np.zeros(self.num_anchors, dtype=np.int32)
        box_targets = np.zeros((self.num_anchors, 4), dtype=np.float32)
        boxes = np.asarray(boxes_px, dtype=np.float32).reshape(-1, 4)
        if len(boxes):
            anchors, truths = self._match(self._overlaps(boxes))
            class_targets[anchors] = np.asarray(labels)[truths] + 1
            box_targets[anchors] = encode_boxes(boxes[truths], self._centers[anchors], self._stds)
        return class_targets, box_targets

    def _match(self, overlaps: FloatArray) -> tuple[IndexArray, IndexArray]:
        """Indices of the matched anchors, and of the ground truth each of them takes."""
        best = overlaps.max(axis=1)  # (M,)
        floor = np.maximum(np.minimum(best, self._iou_threshold), np.float32(_MIN_OVERLAP))
        candidates = np.flatnonzero((overlaps >= floor[:, None]).any(axis=0))
        near = overlaps[:, candidates]  # (M, few)
        favourite = near.argmax(axis=0)
        own_best = near.max(axis=0)
        matched = (own_best >= self._iou_threshold) | (own_best >= best[favourite])
        matched &= own_best > _MIN_OVERLAP
        truth_of = np.full(self.num_anchors, -1, dtype=np.int64)
        truth_of[candidates[matched]] = favourite[matched]
        for truth, anchor in _bipartite(overlaps).items():
            truth_of[anchor] = truth
        anchors = np.flatnonzero(truth_of >= 0)
        return anchors, truth_of[anchors]


def _bipartite(overlaps: FloatArray) -> dict[int, int]:
    """Greedy one-to-one matching of overlaps (M, A), highest first: ground truth -> anchor."""
    best_anchor = overlaps.argmax(axis=1)
    best = overlaps[np.arange(len(overlaps)), best_anchor]
    taken: dict[int, int] = {}
    while (best > _MIN_OVERLAP).any():
        # Highest overlap; among equals the lower anchor, then the lower ground truth.
        truth = int(np.lexsort((best_anchor, -best))[0])
        anchor = int(best_anchor[truth])
        taken[truth] = anchor
        best[truth] = -1
        used = list(taken.values())
        for rival in np.flatnonzero((best_anchor == anchor) & (best >= 0)):
            row = overlaps[rival].copy()
            row[used] = -1
            best_anchor[rival] = row.argmax()
            best[rival] = row[best_anchor[rival]]
    return taken
