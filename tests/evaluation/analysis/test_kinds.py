"""Kinds of error: a case of each by hand, and kinds and costs against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gluon_ssd.evaluation.analysis import kinds
from gluon_ssd.evaluation.analysis.kinds import KINDS, error_costs, error_kinds
from gluon_ssd.evaluation.analysis.matching import match
from gluon_ssd.evaluation.analysis.pairs import overlapping_pairs
from tests.evaluation.analysis import slow_analysis
from tests.evaluation.builders import annotation, collect_ground_truth, detections, random_set


def analysed(found, truth, num_classes):
    pairs = overlapping_pairs(found, truth)
    matching = match(found, truth, pairs)
    errors = error_kinds(found, truth, pairs, matching)
    return errors, error_costs(found, truth, matching, errors, num_classes)


OBJECT = (10, 10, 29, 29)
FREE = (60, 60, 79, 79)


@pytest.mark.parametrize(
    ("row", "kind", "partner"),
    [
        pytest.param((0, 1, 0.8, *OBJECT), kinds.CLASS, 0, id="class"),
        pytest.param((0, 0, 0.8, 10, 10, 20, 29), kinds.DOUBLE, 0, id="double"),
        pytest.param((0, 0, 0.8, 10, 10, 16, 29), kinds.PLACE, 0, id="place"),
        pytest.param((0, 1, 0.8, 10, 10, 16, 29), kinds.BOTH, 0, id="both"),
        pytest.param((0, 0, 0.8, 80, 10, 95, 29), kinds.BACKGROUND, -1, id="background"),
    ],
)
def test_each_kind_by_hand(row, kind, partner):
    """One object is found; beside that detection there is another one."""
    truth = collect_ground_truth([annotation([OBJECT, FREE], [0, 1])])
    found = detections([(0, 0, 0.9, *OBJECT), row], 1)
    errors, _ = analysed(found, truth, 2)
    assert errors.kind.tolist() == [kinds.NO_ERROR, kind]
    assert errors.partner.tolist() == [-1, partner]
    assert errors.missed.tolist() == [1]
    assert errors.counts() == {
        name: int(of in (kind, kinds.MISSED)) for of, name in enumerate(KINDS)
    }


def test_costs_by_hand():
    """Both objects have a detection of the other class: the right classes alone give mAP 1."""
    truth = collect_ground_truth([annotation([OBJECT, FREE], [0, 1])])
    found = detections([(0, 1, 0.9, *OBJECT), (0, 0, 0.8, *FREE)], 1)
    errors, costs = analysed(found, truth, 2)
    assert len(errors.missed) == 0
    assert costs == pytest.approx({**dict.fromkeys(KINDS, 0.0), "class": 1.0})


def test_missed_objects_cost_what_is_lacking():
    truth = collect_ground_truth([annotation([OBJECT, FREE], [0, 0])])
    _, costs = analysed(detections([(0, 0, 0.9, *OBJECT)], 1), truth, 1)
    # Recalls 0 to 0.5 of 101 are reached now.
    assert costs == pytest.approx({**dict.fromkeys(KINDS, 0.0), "missed": 50 / 101})


@pytest.mark.parametrize("seed", range(8))
def test_kinds_and_costs_are_those_of_plain_loops(seed):
    found, truth = random_set(seed, num_images=25, ties=seed % 2 == 0)
    errors, costs = analysed(found, truth, 5)
    named, missed = slow_analysis.kinds(found, truth, slow_analysis.match(found, truth))
    names = [None if of < 0 else KINDS[of] for of in errors.kind.tolist()]
    assert names == [kind for kind, _ in named]
    assert set(names) == {None, *KINDS[:5]}
    assert errors.partner.tolist() == [partner for _, partner in named]
    assert errors.missed.tolist() == missed
    expected = slow_analysis.costs(found, truth, 5)
    assert costs == pytest.approx(expected)
    assert all(value > 0 for kind, value in costs.items() if kind != "missed")


def test_without_objects_nothing_can_cost():
    found, _ = random_set(3)
    errors, costs = analysed(found, collect_ground_truth([annotation([], [])] * 12), 5)
    assert (errors.kind == kinds.BACKGROUND).all()
    assert all(math.isnan(costs[kind]) for kind in KINDS)


def test_ignored_objects_explain_no_error():
    """Beside a difficult object a box of another class is a false alarm of the background."""
    truth = collect_ground_truth([annotation([OBJECT], [0], difficult=[True])])
    errors, _ = analysed(detections([(0, 0, 0.9, *OBJECT), (0, 1, 0.8, *OBJECT)], 1), truth, 2)
    assert errors.kind.tolist() == [kinds.NO_ERROR, kinds.BACKGROUND]
    assert len(errors.missed) == 0 and np.all(errors.partner == -1)
