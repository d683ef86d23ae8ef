"""Raw outputs of a network to detections, on the processor and without any framework."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.detection.compiled_decoding import (
    Candidates,
    Level,
    best_of_classes_compiled,
    best_of_levels_compiled,
    kept_of_candidates,
)
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.detection.suppression import suppress
from gluon_ssd.errors import ModelError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class RawDecoder:
    """What a detector's decoding does with raw outputs.

    Attributes:
        decoding: how scores and boxes are coded, and suppression.
        anchors: float32 (A, 4), centre form, px; None where boxes come as corners.
        num_classes: foreground classes C.
        input_size_hw: (height, width) of the images, px.

    Raises:
        ModelError: boxes of different classes suppress one another, or nothing is suppressed.
    """

    decoding: Decoding
    anchors: Floats | None
    num_classes: int
    input_size_hw: tuple[int, int]

    def __post_init__(self) -> None:
        if not (self.decoding.per_class and self.decoding.suppresses):
            raise ModelError(
                "only suppression within classes is done outside of MXNet; this detector has "
                "another one"
            )

    def __call__(self, logits: Floats, offsets: Floats) -> Floats:
        """Detections of a batch.

        Args:
            logits: float32 (B, A, C + 1) with the background first, or (B, A, C).
            offsets: float32 (B, A, 4).

        Returns:
            float32 (B, K, 6): class, score, corners in input pixels; empty rows are -1.
        """
        logits, offsets = (np.ascontiguousarray(a, np.float32) for a in (logits, offsets))
        pairs = zip(logits, offsets, strict=True)
        return np.stack([self._kept(self._best(own), own_offsets) for own, own_offsets in pairs])

    def _kept(self, best: Candidates, offsets: Floats) -> Floats:
        count = self._count(len(offsets))
        if self.anchors is None:
            rows = np.column_stack([best.label, best.score, offsets[best.anchor]])
            kept: Floats = suppress(
                rows[None].astype(np.float32),
                iou_thresh=self.decoding.largest_overlap,
                score_thresh=self.decoding.score_thresh,
                topk=-1,
                count=count,
            )[0]
            return kept
        return kept_of_candidates(
            best,
            offsets,
            self.anchors,
            self.decoding,
            count=count,
            input_size_hw=self.input_size_hw,
        )

    def _count(self, num_anchors: int) -> int:
        """Rows that come out."""
        most = num_anchors * self.num_classes
        if self.decoding.topk_of != "image":
            most = sum(self.decoding.group_counts(self.num_classes, num_anchors))
        return min(self.decoding.post_nms, most) if self.decoding.post_nms > 0 else most

    def _best(self, logits: Floats) -> Candidates:
        """The candidates of an image that enter suppression."""
        decoding = self.decoding
        if decoding.topk_of == "level" and not decoding.has_background:
            parts = np.split(logits, np.cumsum(decoding.level_anchors)[:-1])
            return best_of_levels_compiled(
                [Level(part, False) for part in parts], decoding, self.num_classes
            )
        scores = _activated(logits, decoding)
        if decoding.topk_of == "class":
            return best_of_classes_compiled(scores, decoding)
        return _best_of_image(scores[:, int(decoding.has_background) :], decoding)


def _activated(logits: Floats, decoding: Decoding) -> Floats:
    if not decoding.has_background:
        return 1 / (1 + np.exp(-logits))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    activated: Floats = powers / powers.sum(axis=1, keepdims=True)
    return activated


def _best_of_image(scores: Floats, decoding: Decoding) -> Candidates:
    """The best over all classes; equal scores by class, then by anchor."""
    label, anchor = np.nonzero(scores.T > decoding.score_thresh)
    found = scores[anchor, label]
    most = decoding.nms_topk if decoding.nms_topk > 0 else len(found)
    order = np.argsort(-found, kind="stable")[:most]
    return Candidates(found[order], label[order], anchor[order])
