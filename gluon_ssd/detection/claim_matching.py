"""The matcher of the published SSD networks with residual backbones. NumPy only.

It runs inside the data workers, one image at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gluon_ssd.detection.boxes import (
    FloatArray,
    IndexArray,
    center_to_corner,
    encode_boxes,
    refuse_flat_boxes,
)
from gluon_ssd.detection.decoding import STDS
from gluon_ssd.detection.matching import IntArray, Overlaps

_THRESHOLD = np.float32(0.5)


class ClaimingTargetMaker:
    """Callable (boxes, labels) -> (class targets, box targets) for one fixed set of default boxes.

    Every ground truth claims the default box that it overlaps most, the first one if it overlaps
    none; of several that claim the same box the last one has it. Every other default box takes the
    ground truth that overlaps it most if that is above 0.5. Of equal overlaps the first box, and
    the first ground truth, counts. Overlaps are those of fractions of the image in float32, so
    that every tie is as in the published code.

    Sources: NVIDIA DeepLearningExamples, PyTorch/Detection/SSD, and MLPerf training,
    single_stage_detector/ssd: the encoder of each.

    Args:
        default_boxes: float32 (A, 4), centre form, fractions of the input.
        anchors_center_px: float32 (A, 4), the same in pixels of the input.
        input_size_hw: (height, width) of the input, px.
        stds: scales of the encoded offsets.
    """

    def __init__(
        self,
        default_boxes: FloatArray,
        anchors_center_px: FloatArray,
        input_size_hw: tuple[int, int],
        stds: Sequence[float] = STDS,
    ) -> None:
        height, width = input_size_hw
        self._overlaps = Overlaps(center_to_corner(default_boxes))
        self._anchors_px = np.asarray(anchors_center_px, np.float32)
        self._size_px = np.array([width, height, width, height], np.float32)
        self._stds = tuple(float(value) for value in stds)

    @property
    def num_anchors(self) -> int:
        """A, the length of both results."""
        return len(self._anchors_px)

    def __call__(self, boxes_px: FloatArray, labels: IntArray) -> tuple[IntArray, FloatArray]:
        """Targets of one image.

        Args:
            boxes_px: float32 (M, 4), corners in pixels of the network input; M may be 0.
            labels: int32 (M,), foreground class numbers from 0.

        Returns:
            int32 (A,): 0 for background, label + 1 for a match; float32 (A, 4): encoded offsets
            of the matches, 0 elsewhere. Without boxes everything is background.

        Raises:
            DataError: a box has no area: its offsets would be infinite.
        """
        class_targets = np.zeros(self.num_anchors, dtype=np.int32)
        box_targets = np.zeros((self.num_anchors, 4), dtype=np.float32)
        boxes = np.asarray(boxes_px, dtype=np.float32).reshape(-1, 4)
        refuse_flat_boxes(boxes)
        anchors, truths = self.match(boxes / self._size_px)
        class_targets[anchors] = np.asarray(labels)[truths] + 1
        box_targets[anchors] = encode_boxes(boxes[truths], self._anchors_px[anchors], self._stds)
        return class_targets, box_targets

    def match(self, boxes: FloatArray) -> tuple[IndexArray, IndexArray]:
        """Which default boxes are matched, and the ground truth of each.

        Args:
            boxes: float32 (M, 4), corners, fractions of the input; M may be 0.

        Returns:
            int64 (P,), ascending; int64 (P,), rows of `boxes`.
        """
        if not len(boxes):
            nothing = np.empty(0, np.int64)
            return nothing, nothing
        overlaps = self._overlaps(boxes)
        near = np.flatnonzero(overlaps.max(axis=0) > _THRESHOLD)
        truth_of = np.full(self.num_anchors, -1, np.int64)
        truth_of[near] = overlaps[:, near].argmax(axis=0)
        truth_of[overlaps.argmax(axis=1)] = np.arange(len(boxes))  # the last one stays
        anchors = np.flatnonzero(truth_of >= 0)
        return anchors, truth_of[anchors]
