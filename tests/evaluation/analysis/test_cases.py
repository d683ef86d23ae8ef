"""The worst errors, some of every kind and class."""

from __future__ import annotations

import pytest

from gluon_ssd.evaluation.analysis.analysis import analyse
from gluon_ssd.evaluation.analysis.cases import worst_cases
from gluon_ssd.evaluation.analysis.kinds import KINDS
from tests.evaluation.builders import annotation, collect_ground_truth, detections, random_set

CLASSES = tuple("abcde")


@pytest.fixture(scope="module")
def analysis():
    return analyse(*random_set(5, num_images=30, ties=False), CLASSES)


def test_all_errors_come_when_there_is_room(analysis):
    cases = worst_cases(analysis, 10_000)
    counts = {kind: sum(case.kind == kind for case in cases) for kind in KINDS}
    assert counts == analysis.errors.counts() and min(counts.values()) > 0


def test_every_group_has_its_worst_first_and_they_take_turns(analysis):
    every = worst_cases(analysis, 10_000)
    groups = {(case.kind, case.label) for case in every}
    first = worst_cases(analysis, len(groups))
    assert {(case.kind, case.label) for case in first} == groups
    for group in groups:
        scores = [c.score for c in every if (c.kind, c.label) == group and c.score is not None]
        assert scores == sorted(scores, reverse=True)
    assert first == every[: len(groups)] and worst_cases(analysis, 0) == []


def test_a_case_says_what_is_where():
    truth = collect_ground_truth([annotation([], []), annotation([(10, 10, 29, 29)], [2])])
    found = detections([(1, 1, 0.9, 10, 10, 29, 29)], 2)
    (case,) = worst_cases(analyse(found, truth, CLASSES), 9)
    assert (case.kind, case.image, case.label, case.true_label) == ("class", 1, 1, 2)
    assert case.score == pytest.approx(0.9)
    assert case.box_px == case.true_box_px == (10, 10, 29, 29)
    (case,) = worst_cases(analyse(detections([], 2), truth, CLASSES), 9)
    assert (case.kind, case.label, case.score, case.box_px) == ("missed", 2, None, None)
