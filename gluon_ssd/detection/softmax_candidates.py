"""The best candidates of class logits that a softmax follows, without a softmax of most of them.

What `plain_decoding` gives, to the bit, in these steps:

1. A score is at most the logistic function of its logit less the background's. Anchors on which no
   class reaches the threshold so are left at once: on photos nearly all.
2. Where many are left, as on noise, a score is also at most exp(logit - mean of the anchor's
   logits) / (C + 1), since a mean of powers is no less than the power of the mean. Where the best
   of an image enter suppression, scores of the anchors with the largest such limits tell what the
   last of them has at least. Anchors whose limit is below that, or the threshold, are left too.
3. The others get their softmax, in double precision.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.detection.compiled_decoding import (
    LAST_RANK,
    best_of_classes_compiled,
    split_keys,
)
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.detection.machine_code import compile_loop
from gluon_ssd.detection.plain_decoding import Candidates, plain_best_classes
from gluon_ssd.detection.sigmoid_candidates import least_logit

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

_LOG_MARGIN = 1e-5
"""More than the roundings of a float32 score are in its logarithm, and those of a mean."""
_FEW = 400
"""So many anchors get their softmax without another look."""


def best_of_softmax(logits: Floats, decoding: Decoding) -> Candidates:
    """The candidates of one image that enter suppression; see `plain_candidates`.

    Args:
        logits: float32 (A, C + 1), the background first; contiguous.
        decoding: of images or of classes, with a background.
    """
    kernels, num_anchors, thresh = _kernels(), len(logits), decoding.score_floor
    rows = np.empty(num_anchors, np.int64)
    rows = rows[: kernels.find_rows(logits, least_logit(thresh), rows)]
    if len(rows) > _FEW:
        count = decoding.nms_topk if decoding.topk_of == "image" and decoding.suppresses else 0
        rows, thresh = _less_rows(logits, rows, count, thresh, of_anchors=decoding.one_class)
    scores = np.empty((len(rows), logits.shape[1]), np.float32)
    kernels.softmax(logits, rows, scores)
    if decoding.one_class:
        return plain_best_classes(scores[:, 1:], rows, decoding)
    if decoding.topk_of == "class":
        best = best_of_classes_compiled(scores, decoding)
        return best._replace(anchor=rows[best.anchor])
    keys = np.empty(len(rows) * (logits.shape[1] - 1), np.int64)
    keys = keys[: kernels.fill_image(scores, rows, num_anchors, thresh, keys)]
    most = decoding.nms_topk if decoding.nms_topk > 0 else len(keys)
    score, rank = split_keys(np.sort(keys)[::-1][:most])
    return Candidates(score, rank // num_anchors, rank % num_anchors)


def _less_rows(
    logits: Floats, rows: Integers, count: int, thresh: float, *, of_anchors: bool
) -> tuple[Integers, float]:
    """Those of rising anchors that can have a score that counts, and a threshold for these.

    Args:
        logits: float32 (A, C + 1).
        rows: int64 (N,), numbers of anchors.
        count: only so many of the best scores count; <= 0 for all.
        thresh: a score must exceed it.
        of_anchors: whether only the best score of each anchor counts.
    """
    kernels = _kernels()
    limits = np.empty(len(rows), np.float64)
    kernels.limits(logits, rows, limits)
    if 0 < count < len(rows):
        likely = np.argpartition(limits, len(rows) - count)[len(rows) - count :]
        scores = np.empty((count, logits.shape[1]), np.float32)
        kernels.softmax(logits, rows[likely], scores)
        if of_anchors:
            scores = scores.max(axis=1)
        worst = np.partition(scores, scores.size - count, axis=None)[scores.size - count]
        thresh = max(thresh, float(np.nextafter(worst, np.float32(0))))
    if thresh <= 0:
        return rows, thresh
    return rows[limits >= math.log(thresh) - _LOG_MARGIN], thresh


def _find_rows(logits: Floats, cut: float, rows: Integers) -> int:
    """Write the anchors of which a logit exceeds the first by the cut; how many there are."""
    found = 0
    for anchor in range(logits.shape[0]):
        first = logits[anchor, 0]
        passes: Any = np.int32(0)
        for label in range(1, logits.shape[1]):  # without a branch, for vector instructions
            passes |= np.int32(logits[anchor, label] - first >= cut)
        rows[found] = anchor
        found += passes
    return found


def _limits(logits: Floats, rows: Integers, limits: Doubles) -> None:
    """The logarithm of what the scores of each anchor are at most."""
    width = logits.shape[1]
    offset = math.log(np.float64(width))
    for place in range(len(rows)):
        anchor = rows[place]
        first = np.float64(logits[anchor, 0])
        best = np.float64(logits[anchor, 1])
        total = first + best
        for label in range(2, width):
            value = np.float64(logits[anchor, label])
            total += value
            best = max(best, value)
        limits[place] = best - max(total / width + offset, first)


def _softmax(logits: Floats, rows: Integers, scores: Floats) -> None:
    """Scores of some anchors, the background's left out; see `plain_scores`."""
    width = logits.shape[1]
    powers = np.empty(width, np.float64)
    for place in range(len(rows)):
        anchor = rows[place]
        best = logits[anchor, 0]
        for label in range(1, width):
            best = max(best, logits[anchor, label])
        total = 0.0
        for label in range(width):
            powers[label] = math.exp(np.float64(logits[anchor, label]) - np.float64(best))
            total += powers[label]
        scores[place, 0] = 0
        for label in range(1, width):
            score = powers[label] / total
            scores[place, label] = score if score > 0 else 0  # NaN is no score


def _fill_image(
    scores: Floats, rows: Integers, num_anchors: int, thresh: float, keys: Integers
) -> int:
    """Write the keys of scores that exceed the threshold; how many there are."""
    bits = scores.view(np.int32)
    found = 0
    for place in range(len(rows)):
        for label in range(1, scores.shape[1]):
            if scores[place, label] > thresh:
                rank = (label - 1) * num_anchors + rows[place]
                keys[found] = (np.int64(bits[place, label]) << 32) | (LAST_RANK - rank)
                found += 1
    return found


class _Kernels(NamedTuple):
    """The loops above as machine code."""

    find_rows: Callable[..., int]
    limits: Callable[..., None]
    softmax: Callable[..., None]
    fill_image: Callable[..., int]


@functools.cache
def _kernels() -> _Kernels:
    # Arrays of others may be read alone.
    table = "Array(float32, 2, 'C', readonly=True)"
    return _Kernels(
        compile_loop(f"int64({table}, float32, int64[::1])", _find_rows),
        compile_loop(f"void({table}, int64[::1], float64[::1])", _limits, reorders=True),
        compile_loop(f"void({table}, int64[::1], float32[:,::1])", _softmax),
        compile_loop(f"int64({table}, int64[::1], int64, float32, int64[::1])", _fill_image),
    )
