"""The best (class, anchor) pairs of an image, equal scores in a defined order.

The order is that of GluonCV's layer, which lists all anchors of the first class, then all of the
second, and sorts stably: by score, then by rank = class * A + anchor. MXNet's `topk` leaves equal
scores in any order, and a black image has thousands of them. Both are put into one number: a
float64 has room for a float32 score minus its rank in units too small to reach the next score.

Sorting all A * C scores costs more than anything else here, so runs of neighbouring anchors are
first reduced to their best score per class. The T best pairs lie in the T best runs, because a run
is an interval of ranks: whatever comes before a run's best pair comes before all of the run.

Scores that do not exceed the threshold count as equal to it. None of them comes out in the end,
and `topk` is done sooner when few of the numbers it looks at differ.

The tables of ranks depend on no image; a deployed graph holds them as stored arrays.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

RANK_UNIT = 2.0**-53  # the gap of float64 numbers in 0.5..1
_BEHIND_ALL = 2.0  # taken off the key of the background: keys lie in 0..1
_LONGEST_RUN = 46
# Time for a member of a chosen run over time for a run, measured on 24,564 anchors, 20 classes.
_MEMBER_COST = 2.7


class Best(NamedTuple):
    """The chosen pairs, each (B, T): by falling score, then by rising rank.

    Attributes:
        score: float32; the threshold for those that do not exceed it.
        label: int32.
        anchor: int32.
        image: int32, the number of the image in the batch.
    """

    score: Any
    label: Any
    anchor: Any
    image: Any


def most_ranks(score_thresh: float) -> int:
    """How many ranks fit below half the gap of two float32 scores that exceed `score_thresh`.

    Half of it, so that a score less its rank rounds to the score again.
    """
    if score_thresh <= 0:
        return 0
    # Neighbouring float32 numbers at the threshold are 2**(exponent - 24) apart.
    return int(2.0 ** (math.frexp(score_thresh)[1] - 25) / RANK_UNIT)


def run_length(num_anchors: int, num_classes: int, count: int) -> int:
    """Anchors per run: the cheapest divisor of their number.

    A member of a chosen run costs more than a run, so at least `count` runs are left.
    """

    def cost(length: int) -> float:
        return num_anchors * num_classes / length + _MEMBER_COST * count * length

    lengths = range(1, _LONGEST_RUN + 1)
    return min((length for length in lengths if num_anchors % length == 0), key=cost)


def select_best(
    F: Any,
    scores: Any,
    *,
    num_classes: int,
    count: int,
    num_anchors: int,
    score_thresh: float,
    has_background: bool,
) -> Best:
    """Choose the `count` best pairs of each image.

    Args:
        F: mx.nd or mx.sym.
        scores: (B, A, C), or (B, A, C + 1) with the background first, which is never chosen.
        num_classes: C.
        count: T, at most A * C.
        num_anchors: A.
        score_thresh: scores up to this one may come in any order, behind all others.
        has_background: which of the two forms `scores` has.
    """
    length = run_length(num_anchors, num_classes, count)
    num_runs = num_anchors // length
    width = num_classes + has_background
    best = scores
    if length > 1:
        runs = F.reshape(scores, (0, num_runs, length, width))
        best = F.Pooling(runs, kernel=(length, 1), pool_type="max")
    ranks = _run_ranks(F, num_runs, width, most_ranks(score_thresh) // width, has_background)
    keys = _keys(F, F.reshape(best, (0, -1)), ranks, score_thresh)
    picked = F.topk(keys, k=count, ret_typ="indices", dtype="int32")  # run * width + column
    run = picked / width
    # By rising rank, so that the members of the runs are in the order of their ranks too.
    picked = F.sort((picked - run * width) * num_runs + run, axis=1)  # column * num_runs + run
    image = F.reshape(F.contrib.arange_like(picked, axis=0), (-1, 1))
    members = _members(F, scores, picked, image, (num_runs, length, width))
    ranks = F.reshape(F.arange(count * length, dtype="float64") * RANK_UNIT, (1, -1))
    keys = _keys(F, members, ranks, score_thresh)
    value, position = F.topk(keys, k=count, ret_typ="both", dtype="int32")  # slot * length + step
    slot = position / length
    image = F.broadcast_like(image, slot)
    picked = F.take(F.reshape(picked, (-1,)), slot + image * count)
    column = picked / num_runs
    anchor = (picked - column * num_runs) * length + (position - slot * length)
    return Best(F.cast(value, "float32"), column - int(has_background), anchor, image)


def _run_ranks(F: Any, num_runs: int, width: int, stride: int, has_background: bool) -> Any:
    """What is taken off the best score of each run and column, float64 (1, runs * width)."""
    column = F.arange(width, dtype="float64")
    behind = column * (stride * RANK_UNIT)
    if has_background:
        behind = behind + (column < 1) * _BEHIND_ALL
    run = F.arange(num_runs, dtype="float64") * RANK_UNIT
    both = F.broadcast_add(F.reshape(run, (-1, 1)), F.reshape(behind, (1, -1)))
    return F.reshape(both, (1, -1))


def _keys(F: Any, scores: Any, ranks: Any, score_thresh: float) -> Any:
    """Scores and ranks in one number, float64 (B, N), from (B, N) and (1, N)."""
    return F.broadcast_sub(F.cast(F.maximum(scores, score_thresh), "float64"), ranks)


def _members(F: Any, scores: Any, picked: Any, image: Any, shape: tuple[int, int, int]) -> Any:
    """The scores in the runs `picked` = column * num_runs + run (B, T), as (B, T * length)."""
    num_runs, length, width = shape
    column = picked / num_runs
    # Flat positions fit int32: MXNet has no larger arrays.
    first = (picked - column * num_runs) * (length * width) + column
    first = F.broadcast_add(first, image * (num_runs * length * width))
    steps = F.arange(length, dtype="int32") * width
    at = F.broadcast_add(F.expand_dims(first, 2), F.reshape(steps, (1, 1, -1)))
    return F.reshape(F.take(F.reshape(scores, (-1,)), at), (0, -1))
