"""Scores against how often they are right."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gluon_ssd.evaluation.analysis.reliability import score_reliability


def test_by_hand():
    scores, outcome = np.array([0.95, 0.85, 0.8, 0.8, 0.1]), np.array([1, 1, 0, 0, -1])
    got = score_reliability(scores, outcome)
    assert got.counts.tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 3, 1]
    assert got.mean_score[8:] == pytest.approx([2.45 / 3, 0.95])
    assert got.precision[8:] == pytest.approx([1 / 3, 1])
    assert np.isnan(got.precision[:8]).all()
    assert got.expected_error == pytest.approx((3 * (2.45 - 1) / 3 + 0.05) / 4)


def test_scores_that_are_right_as_often_as_they_say_have_no_error():
    scores = np.repeat([0.25, 0.75], 400)
    outcome = np.tile([1, 0, 0, 0], 100).tolist() + np.tile([1, 1, 1, 0], 100).tolist()
    assert score_reliability(scores, np.array(outcome)).expected_error == pytest.approx(0)


def test_the_highest_score_is_in_the_last_range_and_nothing_has_no_error():
    assert score_reliability(np.array([1.0]), np.array([1])).counts[-1] == 1
    assert math.isnan(score_reliability(np.zeros(0), np.zeros(0, int)).expected_error)
