"""The best candidates of an image where each class has a logistic score, without most of these.

The logistic function rises, so that the best scores are those of the largest logits; equal scores
of different logits, as those that round to 1, count as equal.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.detection.plain_decoding import Candidates, plain_best_classes, plain_scores

_MARGIN = 1e-6
"""More than sixteen roundings of a float32 score, relative to it."""


def least_logit(thresh: float) -> float:
    """The least logit, less a margin for rounding, whose logistic function exceeds a threshold."""
    if thresh <= 0:
        return -math.inf
    if thresh >= 1:
        return math.inf
    odds = thresh * (1 - _MARGIN)
    logit = math.log(odds / (1 - odds))
    return logit - _MARGIN * (1 + abs(logit))


def best_of_sigmoid(logits: NDArray[np.float32], decoding: Decoding) -> Candidates:
    """The candidates of one image that enter suppression; see `plain_candidates`.

    Args:
        logits: float32 (A, C), contiguous.
        decoding: of images, without a background.
    """
    if decoding.one_class:
        (rows,) = np.nonzero(np.fmax.reduce(logits, axis=1) >= least_logit(decoding.score_floor))
        return plain_best_classes(plain_scores(logits[rows], decoding), rows, decoding)
    flat, count = logits.reshape(-1), decoding.nms_topk
    places = np.flatnonzero(flat >= least_logit(decoding.score_floor))
    if 0 < count < len(places):
        values = flat[places]
        last = len(values) - count
        (worst,) = plain_scores(np.partition(values, last)[last : last + 1], decoding)
        below = float(np.nextafter(worst, np.float32(0)))
        places = places[values >= least_logit(below)]
    score = plain_scores(flat[places], decoding)
    is_candidate = score > np.float32(decoding.score_floor)
    score, places = score[is_candidate], places[is_candidate]
    anchor, label = places // logits.shape[1], places % logits.shape[1]
    order = np.lexsort((anchor, label, -score))[: count if count > 0 else None]
    return Candidates(score[order], label[order], anchor[order])
