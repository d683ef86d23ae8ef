"""Match ground truth to anchors by two thresholds, as RetinaNet does. NumPy only.

Runs inside the data workers. With 120,087 anchors a full table of overlaps would take half a
megabyte for every box; here one row at a time is made, and most rows are short: a box can only
reach the lower threshold with anchors whose area is not too far from its own, and anchors are kept
in the order of their areas.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gluon_ssd.detection.boxes import (
    FloatArray,
    IndexArray,
    box_areas,
    center_to_corner,
    encode_boxes,
    iou_matrix,
    refuse_flat_boxes,
)
from gluon_ssd.detection.matching import IntArray

# An overlap is at most the ratio of the areas; rounding must not exclude what equals it.
_ROOM = 1e-4


class ThresholdMatcher:
    """Callable (boxes, labels) -> (class targets, box targets) for one fixed set of anchors.

    An anchor takes the ground truth that it overlaps most, of equal ones the first. From
    `foreground_from` on it is a match, below `background_below` it is background, and between the
    two it is ignored. The anchors that overlap a ground truth most, however little that is, are
    matches as well, each of the ground truth that it overlaps most itself. That may be another
    one, so that a small box beside a large one can end without any anchor.

    Source: "Focal Loss for Dense Object Detection", arXiv:1708.02002, section 4, "Anchors"; the
    anchors restored below the threshold are those of the published training code. One case
    differs: there a box that overlaps no anchor at all would make every anchor that overlaps
    nothing a match; here it matches none.

    Args:
        anchors_center_px: float32 (A, 4), as centres in pixels of the input.
        foreground_from, background_below: overlaps.
        stds: scales of the encoded offsets.
    """

    def __init__(
        self,
        anchors_center_px: FloatArray,
        *,
        foreground_from: float = 0.5,
        background_below: float = 0.4,
        stds: Sequence[float] = (1.0, 1.0, 1.0, 1.0),
    ) -> None:
        self._centers = np.asarray(anchors_center_px, np.float32).reshape(-1, 4)
        self._corners = center_to_corner(self._centers)
        areas = box_areas(self._corners)
        self._order = np.argsort(areas, kind="stable")
        self._columns = np.ascontiguousarray(self._corners[self._order].T)
        self._areas = areas[self._order]
        self._foreground_from = np.float32(foreground_from)
        self._background_below = np.float32(background_below)
        self._stds = tuple(float(value) for value in stds)

    @property
    def num_anchors(self) -> int:
        """A, the length of both results."""
        return len(self._centers)

    def __call__(self, boxes_px: FloatArray, labels: IntArray) -> tuple[IntArray, FloatArray]:
        """Targets of one image.

        Args:
            boxes_px: float32 (M, 4), corners in pixels of the network input; M may be 0.
            labels: int32 (M,), class numbers from 0.

        Returns:
            int32 (A,): label + 1 for a match, 0 for background, -1 where ignored; float32 (A, 4):
            encoded offsets of the matches, 0 elsewhere. Without boxes everything is background.

        Raises:
            DataError: a box has no area.
        """
        class_targets = np.zeros(self.num_anchors, np.int32)
        box_targets = np.zeros((self.num_anchors, 4), np.float32)
        boxes = np.asarray(boxes_px, np.float32).reshape(-1, 4)
        if not len(boxes):
            return class_targets, box_targets
        refuse_flat_boxes(boxes)
        overlap, truth_of = self._match(boxes)
        class_targets[overlap >= self._background_below] = -1
        anchors = np.flatnonzero(truth_of >= 0)
        truths = truth_of[anchors]
        class_targets[anchors] = np.asarray(labels)[truths] + 1
        box_targets[anchors] = encode_boxes(boxes[truths], self._centers[anchors], self._stds)
        return class_targets, box_targets

    def _match(self, boxes: FloatArray) -> tuple[FloatArray, IndexArray]:
        """The largest overlap of each anchor (A,), and the ground truth it takes, -1 for none.

        Overlaps below `background_below` may be 0 instead, since nothing depends on them.
        """
        overlap = np.zeros(self.num_anchors, np.float32)  # both in the order of the areas
        truth_of = np.full(self.num_anchors, -1)
        nearest = []
        for truth, box in enumerate(boxes):
            start, stop, row = self._row(box)
            better = row > overlap[start:stop]
            np.copyto(overlap[start:stop], row, where=better)
            truth_of[start:stop][better] = truth
            best = row.max()
            if 0 < best < self._foreground_from:
                nearest.append(start + np.flatnonzero(row == best))
        truth_of[overlap < self._foreground_from] = -1
        if nearest:
            restored = np.unique(np.concatenate(nearest))
            among_all = iou_matrix(self._corners[self._order[restored]], boxes)
            truth_of[restored] = among_all.argmax(axis=1)
        own_overlap, own_truth = np.empty_like(overlap), np.empty_like(truth_of)
        own_overlap[self._order], own_truth[self._order] = overlap, truth_of
        return own_overlap, own_truth

    def _row(self, box: FloatArray) -> tuple[int, int, FloatArray]:
        """Overlaps of a box with a range of anchors that holds all that matter, and the range."""
        area = box_areas(box[None])[0]
        least = self._background_below * (1 - _ROOM)
        start, stop = np.searchsorted(self._areas, (area * least, area / least))
        row = self._overlaps(box, area, start, stop)
        if len(row) and row.max() >= self._background_below:
            return start, stop, row
        return 0, self.num_anchors, self._overlaps(box, area, 0, self.num_anchors)

    def _overlaps(self, box: FloatArray, area: np.float32, start: int, stop: int) -> FloatArray:
        """float32 (stop - start,), intersection over union."""
        x_min, y_min, x_max, y_max = self._columns[:, start:stop]
        row: FloatArray = np.minimum(x_max, box[2])
        spare = np.maximum(x_min, box[0])
        row -= spare
        np.maximum(row, 0, out=row)
        height = np.minimum(y_max, box[3])
        height -= np.maximum(y_min, box[1], out=spare)
        np.maximum(height, 0, out=height)
        row *= height
        union = np.add(self._areas[start:stop], area, out=spare)
        union -= row
        row /= union  # above 0, since the box has an area
        return row
