"""What the compiled loops alone have: layouts, buffers and scores that meet the margin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.compiled_decoding import (
    Level,
    best_of_classes_compiled,
    best_of_levels_compiled,
)
from gluon_ssd.detection.decoding import Decoding

BY_LEVEL = Decoding(nms_topk=50, score_thresh=0.05, score_activation="sigmoid", topk_of="level")


def best_by_sorting(logits, decoding):
    """Flat indices of the best of (A, C) logits, equal scores by rising index, and scores."""
    scores = mx.nd.sigmoid(mx.nd.array(logits)).asnumpy().reshape(-1)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > np.float32(decoding.score_thresh)]
    order = order[: decoding.nms_topk] if decoding.nms_topk > 0 else order
    return order, scores[order]


def assert_best(found, logits, decoding):
    order, scores = best_by_sorting(logits, decoding)
    np.testing.assert_array_equal(found.anchor * logits.shape[1] + found.label, order)
    np.testing.assert_array_equal(found.score, scores)


def logits_of(kind, num_anchors, num_classes):
    rng = np.random.default_rng(3)
    logits = rng.normal(-3, 2, (num_anchors, num_classes))
    if kind == "rising":  # each refill of the buffer throws all before it out
        logits = np.sort(logits, axis=None).reshape(logits.shape)
    elif kind == "saturated":  # scores of exactly 1 from very different numbers
        logits = np.where(logits > 0, logits + 30, logits)
    elif kind == "few values":
        logits = np.round(logits)
    elif kind == "one value":
        logits[:] = -1
    elif kind == "neighbours":  # scores that differ in the last bit, or only before rounding
        logits = 3 + rng.integers(-40, 40, logits.shape) * 2.0**-24
    elif kind == "infinite":
        logits[logits > 0] = np.inf
        logits[logits < -4] = -np.inf
    return logits.astype(np.float32)


KINDS = ["plain", "rising", "saturated", "few values", "one value", "neighbours", "infinite"]


@pytest.mark.parametrize("by_channel", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("topk", [1, 50, -1])
def test_the_best_of_a_level_are_those_of_a_stable_sort(kind, by_channel, topk):
    # 12 * 17 cells of 3 shapes of 250 classes: more than two buffers.
    logits = logits_of(kind, 12 * 17 * 3, 250)
    decoding = replace(BY_LEVEL, nms_topk=topk)
    values = logits
    if by_channel:  # (row, column, shape, class) -> (shape, class, row, column)
        values = logits.reshape(12 * 17, 3 * 250).T.reshape(750, 12, 17)
    level = Level(np.ascontiguousarray(values), by_channel)
    assert_best(best_of_levels_compiled([level], decoding, 250), logits, decoding)


@pytest.mark.parametrize("thresh", [0.0, 1e-6, 0.05, 0.5, 0.9999, 1.0, 2.0])
def test_no_score_is_lost_at_any_threshold(thresh):
    logits = logits_of("plain", 300, 7)
    near = np.log(thresh / (1 - thresh)) if 0 < thresh < 1 else 0
    logits[:100] = near + np.random.default_rng(0).integers(-4, 5, (100, 7)) * 3e-7 * (
        1 + abs(near)
    )
    decoding = replace(BY_LEVEL, score_thresh=thresh, nms_topk=-1)
    assert_best(best_of_levels_compiled([Level(logits, False)], decoding, 7), logits, decoding)


def test_scores_that_are_no_number_are_no_candidates():
    logits = np.full((4, 3), np.nan, np.float32)
    logits[2, 1] = 1
    found = best_of_levels_compiled([Level(logits, False)], BY_LEVEL, 3)
    assert (found.anchor.tolist(), found.label.tolist()) == ([2], [1])
    by_class = replace(BY_LEVEL, topk_of="class")
    found = best_of_classes_compiled(logits, by_class)
    assert (found.anchor.tolist(), found.label.tolist()) == ([2], [1])


def test_equal_scores_of_two_levels_come_level_by_level():
    levels = [Level(np.full((2, 1), value, np.float32), False) for value in (1, 2, 1)]
    found = best_of_levels_compiled(levels, BY_LEVEL, 1)
    assert found.anchor.tolist() == [2, 3, 0, 1, 4, 5]


def test_nothing_is_found_in_nothing():
    found = best_of_levels_compiled([Level(np.full((5, 2), -9, np.float32), False)], BY_LEVEL, 2)
    assert [len(column) for column in found] == [0, 0, 0]
