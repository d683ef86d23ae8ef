"""Candidates of the largest logits, beside those of all scores, to the bit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.detection.plain_decoding import plain_candidates, plain_scores
from gluon_ssd.detection.sigmoid_candidates import best_of_sigmoid, least_logit
from tests.detection.raw_outputs import KINDS, OF_IMAGE, raw_outputs

SIGMOID = replace(OF_IMAGE, score_activation="sigmoid")


def assert_best(logits, decoding):
    found = best_of_sigmoid(logits, decoding)
    expected = plain_candidates(plain_scores(logits, decoding), decoding)
    for name in found._fields:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("topk", [1, 40, 399, -1])
@pytest.mark.parametrize("thresh", [-1.0, 0.0, 0.01, 0.5, 0.9999, 1.0])
def test_every_bit_is_that_of_all_scores(kind, topk, thresh):
    for logits in raw_outputs(kind)[0]:
        assert_best(logits, replace(SIGMOID, nms_topk=topk, score_thresh=thresh))


def test_scores_that_round_to_the_same_number_are_ordered_by_class_and_anchor():
    logits = np.linspace(20, 40, 60, dtype=np.float32).reshape(20, 3)
    found = assert_best(logits, replace(SIGMOID, nms_topk=25))
    assert found.score.tolist() == [1.0] * 25
    assert found.label.tolist() == [0] * 20 + [1] * 5
    assert found.anchor.tolist() == [*range(20), *range(5)]


def test_the_least_logit_is_a_little_below_that_of_the_threshold():
    assert least_logit(0.5) == pytest.approx(0, abs=1e-5) and least_logit(0.5) < 0
    assert least_logit(0.01) == pytest.approx(math.log(1 / 99), rel=1e-5)
    assert (least_logit(0), least_logit(1)) == (-math.inf, math.inf)


def test_nothing_is_found_in_nothing():
    assert len(assert_best(np.zeros((0, 4), np.float32), SIGMOID).score) == 0
    assert len(assert_best(np.full((9, 4), -30, np.float32), SIGMOID).score) == 0
