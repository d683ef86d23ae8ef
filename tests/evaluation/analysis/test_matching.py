"""Matching against plain loops, and against pycocotools by the AP that comes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.evaluation.analysis.curves import class_curves
from gluon_ssd.evaluation.analysis.matching import match
from gluon_ssd.evaluation.analysis.pairs import overlapping_pairs
from gluon_ssd.evaluation.coco_map import SCORE_FLOOR, coco_class_scores, coco_truth
from tests.evaluation.analysis import slow_analysis
from tests.evaluation.builders import annotation, collect_ground_truth, detections, random_set

SEEDS = range(6)


def strong(found):
    return found.only(found.scores >= SCORE_FLOOR)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ties", [True, False])
def test_matching_is_that_of_plain_loops(seed, ties):
    found, truth = random_set(seed, ties=ties)
    got = match(found, truth, overlapping_pairs(found, truth))
    outcome, owner, found_by = slow_analysis.match(found, truth)
    assert got.outcome.tolist() == outcome and {-1, 0, 1} == set(outcome)
    assert got.owner.tolist() == owner
    assert got.found_by.tolist() == found_by
    assert got.counted.tolist() == (~(truth.difficult | truth.crowd)).tolist()


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_is_that_of_pycocotools(seed):
    found, truth = random_set(seed, num_images=30)
    found = strong(found)
    curves = class_curves(found, truth, match(found, truth, overlapping_pairs(found, truth)), 5)
    theirs = coco_class_scores(found, coco_truth(truth, found.sizes_hw, list("abcde")))
    got = [each.average_precision for each in curves]
    assert got == pytest.approx(theirs.at_half, nan_ok=True)
    assert np.isnan(got[4]) and min(got[:4]) > 0.05


def test_no_detections_and_no_objects():
    found, truth = random_set(1)
    none = found.only(np.zeros(len(found.labels), bool))
    got = match(none, truth, overlapping_pairs(none, truth))
    assert len(got.outcome) == 0 and (got.found_by == -1).all()
    bare = collect_ground_truth([annotation([], [])] * 12)
    got = match(found, bare, overlapping_pairs(found, bare))
    assert not got.outcome.any() and len(got.found_by) == 0
    empty = replace(none, sizes_hw=none.sizes_hw[:0])
    assert len(overlapping_pairs(empty, collect_ground_truth([])).found) == 0


def test_what_is_left_out_is_neither_right_nor_wrong():
    """The first object is left out: its detection is ignored, and so is one that found nothing."""
    truth = collect_ground_truth([annotation([(0, 0, 9, 9), (50, 50, 59, 59)], [0, 0])])
    rows = [(0, 0, 0.9, 0, 0, 9, 9), (0, 0, 0.8, 50, 50, 59, 59), (0, 0, 0.7, 80, 80, 89, 89)]
    found = detections([*rows, (0, 0, 0.6, 0, 0, 9, 9)], 1)
    got = match(
        *(found, truth, overlapping_pairs(found, truth)),
        left_out_truth=np.array([True, False]),
        left_out_found=np.array([False, False, True, False]),
    )
    # The last one finds an object that was found already, and lies in the range that counts.
    assert got.outcome.tolist() == [-1, 1, -1, 0]
    assert got.found_by.tolist() == [0, 1]
    assert got.counted.tolist() == [False, True]
