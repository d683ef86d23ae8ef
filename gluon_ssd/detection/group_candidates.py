"""The best candidates of every class, or of every level of anchors, equal scores in an order.

As in `candidates`, a float64 key holds a float32 score less a rank too small to reach the next
score, so that `topk`, which leaves equal scores in any order, has none to leave. Scores that do not
exceed the threshold count as equal to it.

Of each class the best T anchors enter its suppression: NVIDIA's SSD300 v1.1 and MLPerf's
SSD-ResNet34, function `decode_single` of both. Of each level the best T pairs of anchor and class
do: MLPerf's RetinaNet, method `postprocess_detections`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gluon_ssd.detection.candidates import RANK_UNIT, Best, most_ranks
from gluon_ssd.errors import ModelError


def best_of_classes(
    F: Any,
    scores: Any,
    *,
    num_anchors: int,
    count: int,
    score_thresh: float,
    later_wins: bool,
) -> Best:
    """The `count` best anchors of each class of each image.

    Args:
        F: mx.nd or mx.sym.
        scores: (B, A, C), without a background.
        num_anchors: A.
        count: T, at most A.
        score_thresh: scores up to this one may come in any order, behind all others.
        later_wins: whether of equal scores the larger anchor index comes first.

    Returns:
        (B, C * T) each: class by class, in a class by falling score.

    Raises:
        ModelError: there are too many anchors to tell equal scores apart at that threshold.
    """
    by_class = F.transpose(scores, (0, 2, 1))
    rank = F.arange(num_anchors, dtype="float64")
    rank = (num_anchors - 1) - rank if later_wins else rank
    keys = _keys_by_rank(F, by_class, F.reshape(rank, (1, 1, -1)), num_anchors, score_thresh)
    value, anchor = F.topk(keys, k=count, ret_typ="both", dtype="int32")
    anchor = F.reshape(anchor, (0, -1))
    score = F.reshape(F.cast(value, "float32"), (0, -1))
    label = F.contrib.arange_like(anchor, axis=1)  # float32, exact below 2**24
    label = F.cast(F.floor(label / count), "int32")
    label = F.broadcast_like(F.reshape(label, (1, -1)), anchor)
    return Best(score, label, anchor, image_numbers(F, anchor))


def best_of_levels(
    F: Any,
    scores: Any,
    *,
    num_classes: int,
    level_anchors: Sequence[int],
    count: int,
    score_thresh: float,
) -> Best:
    """The `count` best pairs of each level of each image, or all of a level that has fewer.

    The best pairs lie at the anchors whose best scores are best, because an anchor's pairs are an
    interval of ranks; see `candidates`. So no more than `count` anchors of a level are looked at
    class by class, and no number beyond 2**24 is needed for the tens of millions of pairs.

    Args:
        F, scores, score_thresh: as of `best_of_classes`.
        num_classes: C.
        level_anchors: anchors of each level, in the order of their rows.
        count: T.

    Returns:
        (B, N) each: level by level, in a level by falling score and rising
        rank = anchor * C + class.

    Raises:
        ModelError: a level has too many candidates to tell equal scores apart at that threshold.
    """
    best = F.max(scores, axis=2)  # (B, A)
    parts, begin = [], 0
    for size in level_anchors:
        level = F.slice_axis(best, axis=1, begin=begin, end=begin + size)
        picked = best_in_row(F, level, size, min(count, size), score_thresh)[1]
        # By rising rank, so that their pairs are in the order of their ranks too.
        anchor = F.sort(picked, axis=1) + begin
        members = F.gather_nd(scores, F.stack(image_numbers(F, anchor), anchor, axis=0))
        pairs = min(count, size) * num_classes
        score, position = best_in_row(
            F, F.reshape(members, (0, -1)), pairs, min(count, pairs), score_thresh
        )
        slot = position / num_classes
        label = position - slot * num_classes
        image = image_numbers(F, slot)
        anchor = F.gather_nd(anchor, F.stack(image, slot, axis=0))
        parts.append((score, label, anchor, image))
        begin += size
    return Best(*(F.concat(*column, dim=1) for column in zip(*parts, strict=True)))


def best_rows(
    F: Any, rows: Any, scores: Any, *, num_rows: int, count: int, score_thresh: float
) -> Any:
    """The `count` rows (B, count, D) of best scores, equal ones in the order they came.

    Args:
        F: mx.nd or mx.sym.
        rows: (B, N, D).
        scores: (B, N).
        num_rows: N.
        count: at most N.
        score_thresh: rows up to this score may come in any order, behind all others.
    """
    _, position = best_in_row(F, scores, num_rows, count, score_thresh)
    return F.gather_nd(rows, F.stack(image_numbers(F, position), position, axis=0))


def best_in_row(F: Any, scores: Any, size: int, count: int, score_thresh: float) -> tuple[Any, Any]:
    """(score, position) of the `count` best of each row of (B, size), equal ones by position."""
    rank = F.reshape(F.arange(size, dtype="float64"), (1, -1))
    keys = _keys_by_rank(F, scores, rank, size, score_thresh)
    value, position = F.topk(keys, k=count, ret_typ="both", dtype="int32")
    return F.cast(value, "float32"), position


def _keys_by_rank(F: Any, scores: Any, rank: Any, num_ranks: int, score_thresh: float) -> Any:
    if num_ranks > most_ranks(score_thresh):
        raise ModelError(
            f"equal scores of {num_ranks} candidates cannot be kept in order above a score of "
            f"{score_thresh}; let fewer candidates enter suppression, or raise the score threshold",
            settings=("nms_topk",),
        )
    scores = F.cast(F.maximum(scores, score_thresh), "float64")
    return F.broadcast_sub(scores, rank * RANK_UNIT)


def image_numbers(F: Any, like: Any) -> Any:
    """The number of the image in the batch, int32 (B, N), for each entry of an array (B, N)."""
    number = F.cast(F.contrib.arange_like(like, axis=0), "int32")
    return F.broadcast_like(F.reshape(number, (-1, 1)), like)
