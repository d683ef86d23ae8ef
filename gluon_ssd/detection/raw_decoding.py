"""Raw outputs of a network to detections, on the processor and without any framework."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.detection.plain_decoding import (
    Candidates,
    padded,
    plain_boxes,
    plain_candidates,
    plain_scores,
    plain_suppress,
)
from gluon_ssd.errors import ModelError

Floats = NDArray[np.float32]


def check_raw_decoding(decoding: Decoding) -> None:
    """Raise ModelError for what is not done here.

    That is the best of levels among scores with a background, and no suppression where an anchor
    has several candidates.
    """
    if not (decoding.suppresses or decoding.one_class):
        raise ModelError(
            "a detector without suppression, of several candidates an anchor, runs in MXNet alone"
        )
    if decoding.topk_of == "level" and decoding.has_background:
        raise ModelError("the best of levels are found among scores without a background alone")


class RawDecoder:
    """What a detector's decoding does with raw outputs.

    The first image is decoded in NumPy, so that a program that detects in one does not wait for the
    compiled loops to be loaded; where candidates are those of levels it has to. They give the same
    to the bit.

    Args:
        decoding: how scores and boxes are coded, and suppression.
        anchors: float32 (A, 4), centre form, px; None where boxes come as corners.
        num_classes: foreground classes C.
        input_size_hw: (height, width) of the images, px.

    Raises:
        ModelError: as of `check_raw_decoding`.
    """

    def __init__(
        self,
        decoding: Decoding,
        anchors: Floats | None,
        num_classes: int,
        input_size_hw: tuple[int, int],
    ) -> None:
        check_raw_decoding(decoding)
        # One rule of rounding for all of them: the exponential of a size in double precision.
        self._decoding = replace(decoding, plain_ops=False)
        self._anchors = None if anchors is None else np.ascontiguousarray(anchors, np.float32)
        self._num_classes = num_classes
        self._input_size_hw = input_size_hw
        self._is_first = decoding.topk_of != "level"

    def __call__(self, logits: Floats, offsets: Floats) -> Floats:
        """Detections of a batch.

        Args:
            logits: float32 (B, A, C + 1) with the background first, or (B, A, C).
            offsets: float32 (B, A, 4).

        Returns:
            float32 (B, K, 6): class, score, corners in input pixels; empty rows are -1.
        """
        logits, offsets = (np.ascontiguousarray(a, np.float32) for a in (logits, offsets))
        count = self._decoding.row_count(self._num_classes, logits.shape[1])
        kept = np.empty((len(logits), count, 6), np.float32)
        for rows, own, own_offsets in zip(kept, logits, offsets, strict=True):
            keep = self._keep_plainly if self._is_first else self._keep
            self._is_first = False
            rows[:] = keep(own, own_offsets, count)
        return kept

    def count_candidates(self, logits: Floats) -> NDArray[np.int64]:
        """Candidates of each image that enter suppression, int64 (B,), of logits as of a call."""
        logits = np.ascontiguousarray(logits, np.float32)
        return np.array([len(self._best(own).score) for own in logits], np.int64)

    def _keep_plainly(self, logits: Floats, offsets: Floats, count: int) -> Floats:
        """The rows of one image, in NumPy."""
        decoding = self._decoding
        best = plain_candidates(plain_scores(logits, decoding), decoding)
        boxes = offsets[best.anchor]
        if self._anchors is not None:
            own_anchors = self._anchors[best.anchor]
            boxes = plain_boxes(boxes, own_anchors, decoding, self._input_size_hw)
        rows = np.column_stack([best.label, best.score, boxes]).astype(np.float32)
        if not decoding.suppresses:
            return padded(rows, count)
        return plain_suppress(
            rows,
            iou_thresh=decoding.largest_overlap,
            count=count,
            per_class=decoding.per_class,
        )

    def _keep(self, logits: Floats, offsets: Floats, count: int) -> Floats:
        """The rows of one image, in compiled loops."""
        from gluon_ssd.detection.compiled_decoding import kept_of_candidates, kept_of_rows

        best, decoding = self._best(logits), self._decoding
        if self._anchors is None:
            rows = np.column_stack([best.label, best.score, offsets[best.anchor]])
            return kept_of_rows(rows.astype(np.float32), decoding, count)
        return kept_of_candidates(
            best,
            offsets,
            self._anchors,
            decoding,
            count=count,
            input_size_hw=self._input_size_hw,
        )

    def _best(self, logits: Floats) -> Candidates:
        """The candidates of an image that enter suppression."""
        from gluon_ssd.detection.compiled_decoding import Level, best_of_levels_compiled
        from gluon_ssd.detection.sigmoid_candidates import best_of_sigmoid
        from gluon_ssd.detection.softmax_candidates import best_of_softmax

        decoding = self._decoding
        if decoding.has_background:
            return best_of_softmax(logits, decoding)
        if decoding.topk_of == "level":
            parts = np.split(logits, np.cumsum(decoding.level_anchors)[:-1])
            levels = [Level(part, False) for part in parts]
            return best_of_levels_compiled(levels, decoding, self._num_classes)
        if decoding.topk_of == "image":
            return best_of_sigmoid(logits, decoding)
        return plain_candidates(plain_scores(logits, decoding), decoding)
