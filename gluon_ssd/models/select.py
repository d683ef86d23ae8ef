"""The best (class, anchor) pairs of an image, equal scores in a defined order.

The order is that of GluonCV's layer, which lists all anchors of the first class, then all of the
second, and sorts stably: by score, then by rank = class * A + anchor. MXNet's `topk` leaves equal
scores in any order, and a black image has thousands of them. Both are put into one number: a
float64 has room for a float32 score minus its rank in units too small to reach the next score.

Sorting all A * C scores costs more than anything else here, so runs of neighbouring anchors are
first reduced to their best score per class. The T best pairs lie in the T best runs, because a run
is an interval of ranks: whatever comes before a run's best pair comes before all of the run.
"""

from __future__ import annotations

import math
from typing import Any

_RANK_UNIT = 2.0**-53  # the gap of float64 numbers in 0.5..1
_LONGEST_RUN = 12  # longer ones save nothing more, measured on 24,564 anchors


def most_ranks(score_thresh: float) -> int:
    """How many ranks fit below the gap of two float32 scores that exceed `score_thresh`."""
    if score_thresh <= 0:
        return 0
    # Neighbouring float32 numbers at the threshold are 2**(exponent - 24) apart.
    return int(2.0 ** (math.frexp(score_thresh)[1] - 24) / _RANK_UNIT)


def run_length(num_anchors: int | None, num_classes: int, count: int) -> int:
    """Anchors per run: a divisor of their number that leaves at least `count` runs."""
    if num_anchors is None:
        return 1
    fitting = (
        length
        for length in range(_LONGEST_RUN, 1, -1)
        if num_anchors % length == 0 and num_anchors // length * num_classes >= count
    )
    return next(fitting, 1)


def gather(F: Any, data: Any, *index: Any) -> Any:
    """Pick along the axes behind the batch.

    Args:
        F: mx.nd or mx.sym.
        data: (B, d1, ..., dn, ...).
        index: n int32 arrays (B, T).

    Returns:
        (B, T, ...).
    """
    image = F.expand_dims(F.contrib.arange_like(index[0], axis=0), 1)
    return F.gather_nd(data, F.stack(F.broadcast_like(image, index[0]), *index, axis=0))


def select_best(
    F: Any,
    scores: Any,
    *,
    num_classes: int,
    count: int,
    num_anchors: int | None,
    score_thresh: float,
    has_background: bool,
) -> tuple[Any, Any]:
    """Choose the `count` best pairs of each image.

    Args:
        F: mx.nd or mx.sym.
        scores: (B, A, C), or (B, A, C + 1) with the background first, which is never chosen.
        num_classes: C.
        count: T, at most A * C.
        num_anchors: A; None where unknown, which is slower.
        score_thresh: equal scores up to this one may come in any order.
        has_background: which of the two forms `scores` has.

    Returns:
        anchor and class, int32 (B, T) each, by falling score, then by rising rank.
    """
    length = run_length(num_anchors, num_classes, count)
    best = scores
    if length > 1:
        width = num_classes + has_background
        runs = F.reshape(scores, (0, -1, length, width))  # (B, A / length, length, width)
        best = F.Pooling(runs, kernel=(length, 1), pool_type="max")
        best = F.reshape(best, (0, -1, width))
    if has_background:
        best = F.slice_axis(best, axis=2, begin=1, end=None)
    # The stride is no smaller than the number of runs, which an operator may learn but not tell.
    stride = most_ranks(score_thresh) // num_classes
    run = F.cast(F.contrib.arange_like(best, axis=1), "float64") * _RANK_UNIT
    label = F.arange(num_classes, dtype="float64") * (stride * _RANK_UNIT)
    rank = F.broadcast_add(F.reshape(run, (1, -1, 1)), F.reshape(label, (1, 1, -1)))
    picked = _top(F, best, rank, count)  # positions run * C + class
    if length == 1:
        return picked / num_classes, picked % num_classes
    # By rising rank, so that the members of the runs are in the order of their ranks too.
    picked = F.sort((picked % num_classes) * stride + picked / num_classes, axis=1)
    return _best_members(
        F, scores, picked, stride=stride, length=length, count=count, first=int(has_background)
    )


def _top(F: Any, scores: Any, rank: Any, count: int) -> Any:
    """Flat positions, int32 (B, count), by falling score, then by rising rank (1, ...).

    Ranks are float64, in units of _RANK_UNIT.
    """
    keys = F.broadcast_sub(F.cast(scores, "float64"), rank)
    return F.topk(F.reshape(keys, (0, -1)), k=count, ret_typ="indices", dtype="int32")


def _best_members(
    F: Any, scores: Any, picked: Any, *, stride: int, length: int, count: int, first: int
) -> tuple[Any, Any]:
    """The best pairs among those of the runs `picked` = class * stride + run, (B, T) rising."""
    steps = F.reshape(F.arange(length, dtype="int32"), (1, 1, -1))
    anchor = F.broadcast_add(F.expand_dims((picked % stride) * length, 2), steps)
    label = F.broadcast_like(F.expand_dims(picked / stride + first, 2), anchor)
    members = gather(F, scores, F.reshape(anchor, (0, -1)), F.reshape(label, (0, -1)))
    rank = F.arange(count * length, dtype="float64") * _RANK_UNIT
    position = _top(F, members, F.reshape(rank, (1, -1)), count)
    picked = gather(F, picked, position / length)
    return (picked % stride) * length + position % length, picked / stride
