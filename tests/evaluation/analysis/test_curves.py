"""Curves over the threshold: by hand, and against counting anew at every threshold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gluon_ssd.evaluation.analysis.curves import class_curves, curve, mean_average_precision
from gluon_ssd.evaluation.analysis.matching import match
from gluon_ssd.evaluation.analysis.pairs import overlapping_pairs
from tests.evaluation.analysis import slow_analysis
from tests.evaluation.builders import random_set


def test_three_detections_by_hand():
    """Right, wrong, right, of three objects; one is ignored."""
    got = curve(np.array([0.9, 0.8, 0.6, 0.7]), np.array([1, 0, 1, -1]), 3)
    assert got.scores.tolist() == [0.9, 0.8, 0.6]
    assert got.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert got.recall.tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert got.f1.tolist() == pytest.approx([1 / 2, 2 / 5, 2 / 3])
    # Recalls 0 to 0.33 at precision 1, to 0.66 at 2/3, beyond at 0.
    assert got.average_precision == pytest.approx((34 + 33 * 2 / 3) / 101)
    best = got.best()
    assert (best.threshold, best.hits, best.false_alarms, best.missed) == (0.6, 2, 1, 1)
    assert (best.precision, best.recall, best.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))


def test_the_best_threshold_lies_between_two_scores_and_takes_the_higher_of_equal_ones():
    got = curve(np.array([0.9, 0.5, 0.4, 0.3]), np.array([1, 0, 0, 1]), 2)
    # 2/3 with one detection and with four.
    assert got.f1.tolist() == pytest.approx([2 / 3, 1 / 2, 2 / 5, 2 / 3])
    assert got.best().threshold == pytest.approx(0.7)


def test_equal_scores_cannot_be_parted():
    got = curve(np.array([0.5, 0.5, 0.5]), np.array([1, 0, 1]), 2)
    assert (got.scores.tolist(), got.hits.tolist(), got.alarms.tolist()) == ([0.5], [2], [1])


@pytest.mark.parametrize(
    ("outcome", "num_objects", "precision"),
    [([], 0, math.nan), ([], 2, 0.0), ([0, 0], 0, math.nan), ([0, 0], 3, 0.0)],
)
def test_without_hits_there_is_no_threshold(outcome, num_objects, precision):
    got = curve(np.linspace(0.4, 0.6, len(outcome)), np.array(outcome, int), num_objects)
    assert got.average_precision == pytest.approx(precision, nan_ok=True)
    best = got.best()
    assert math.isnan(best.threshold) and (best.hits, best.missed) == (0, num_objects)
    assert math.isnan(best.precision)


@pytest.mark.parametrize("seed", range(4))
def test_every_point_is_that_of_leaving_out_what_is_below(seed):
    found, truth = random_set(seed, num_images=20, ties=seed % 2 == 0)
    whole = class_curves(found, truth, match(found, truth, overlapping_pairs(found, truth)), 5)
    for threshold in (0.1, 0.2, 0.5, 0.77, 1.0):
        part = found.only(found.scores >= threshold)
        outcome, _, found_by = slow_analysis.match(part, truth)
        for label, each in enumerate(whole):
            of_class = [o for o, its in zip(outcome, part.labels, strict=True) if its == label]
            asked = (truth.labels == label) & ~truth.difficult & ~truth.crowd
            missed = sum(1 for row in np.flatnonzero(asked) if found_by[row] < 0)
            got = each.at(threshold)
            counts = (got.hits, got.false_alarms, got.missed)
            assert counts == (of_class.count(1), of_class.count(0), missed)


@pytest.mark.parametrize("seed", range(4))
def test_no_threshold_is_better_than_the_best(seed):
    found, truth = random_set(seed, ties=False)
    for each in class_curves(found, truth, match(found, truth, overlapping_pairs(found, truth)), 4):
        scores = found.scores.astype(float)
        values = [each.at(t).f1 for t in (*scores, *(scores + 1e-6))]
        assert each.best().f1 == pytest.approx(np.nanmax(values))


def test_the_mean_is_over_classes_with_objects():
    right, none = curve(np.array([0.9]), np.array([1]), 1), curve(np.zeros(0), np.zeros(0, int), 0)
    assert mean_average_precision([right, none]) == pytest.approx(1)
    assert math.isnan(mean_average_precision([none]))
