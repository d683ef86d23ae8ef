"""Candidates where each anchor has one, of its best class: the rule of MXNet's MultiBoxDetection.

Which class is best is asked of the anchors that enter suppression alone. Equal classes of an anchor
go by the smaller one, equal scores by the smaller anchor.
"""

from __future__ import annotations

from typing import Any

from gluon_ssd.detection.candidates import Best
from gluon_ssd.detection.group_candidates import best_in_row, image_numbers


def best_of_anchors(
    F: Any, scores: Any, *, num_anchors: int, count: int, score_thresh: float
) -> Best:
    """The `count` anchors of each image whose best score is best.

    Args:
        F: mx.nd or mx.sym.
        scores: (B, A, C), without a background.
        num_anchors: A.
        count: T, at most A.
        score_thresh: scores up to this one may come in any order, behind all others.

    Returns:
        (B, T) each.

    Raises:
        ModelError: there are too many anchors to tell equal scores apart at that threshold.
    """
    best = F.max(scores, axis=2)
    score, anchor = best_in_row(F, best, num_anchors, count, score_thresh)
    image = image_numbers(F, anchor)
    members = F.gather_nd(scores, F.stack(image, anchor, axis=0))  # (B, T, C)
    label = F.cast(F.argmax(members, axis=2), "int32")
    return Best(score, label, anchor, image)


def rows_of_anchors(F: Any, scores: Any, boxes: Any, *, score_thresh: float) -> Any:
    """Every anchor as a row (B, A, 6) of class, score and corners, in their order.

    Args:
        F, scores: as of `best_of_anchors`.
        boxes: (B, A, 4).
        score_thresh: rows up to this score have class -1 and score 0.
    """
    best = F.max(scores, axis=2, keepdims=True)
    label = F.argmax(scores, axis=2, keepdims=True)
    is_candidate = best > score_thresh
    label = F.where(is_candidate, label, -F.ones_like(label))
    best = F.where(is_candidate, best, F.zeros_like(best))
    return F.concat(label, best, boxes, dim=2)
