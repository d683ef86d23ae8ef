"""The confusion matrix: by hand, and what its sums must be."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.evaluation.analysis.confusion import confusion_matrix
from gluon_ssd.evaluation.analysis.curves import class_curves
from gluon_ssd.evaluation.analysis.matching import match
from gluon_ssd.evaluation.analysis.pairs import overlapping_pairs
from tests.evaluation.builders import annotation, collect_ground_truth, detections, random_set

A, B, C = (0, 0, 19, 19), (30, 30, 49, 49), (60, 60, 79, 79)


def matrix_of(found, truth, thresholds):
    pairs = overlapping_pairs(found, truth)
    matching = match(found, truth, pairs)
    return confusion_matrix(found, truth, pairs, matching, np.asarray(thresholds, float))


def test_by_hand():
    """A cat is found, one is taken for a dog, a dog is not found, and a cat is seen in nothing."""
    truth = collect_ground_truth([annotation([A, B, C], [0, 0, 1])])
    rows = [(0, 0, 0.9, *A), (0, 1, 0.8, *B), (0, 0, 0.7, 60, 0, 79, 19), (0, 1, 0.1, *C)]
    got = matrix_of(detections(rows, 1), truth, (0.5, 0.5))
    assert got.tolist() == [[1, 1, 0], [0, 0, 1], [1, 0, 0]]
    got = matrix_of(detections(rows, 1), truth, (0.8, float("nan")))
    assert got.tolist() == [[1, 0, 1], [0, 0, 1], [0, 0, 0]]


def test_the_nearest_pair_comes_first():
    """Two detections of another class lie on one object: the better one is the mix-up."""
    truth = collect_ground_truth([annotation([A], [0])])
    found = detections([(0, 1, 0.9, 0, 0, 19, 12), (0, 2, 0.5, *A)], 1)
    assert matrix_of(found, truth, (0, 0, 0)).tolist() == [
        [0, 0, 1, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 1, 0, 0],
    ]


@pytest.mark.parametrize("seed", range(5))
def test_rows_sum_to_objects_columns_to_detections_and_the_diagonal_is_of_the_curves(seed):
    found, truth = random_set(seed, num_images=20, ties=False)
    thresholds = np.array([0.1, 0.3, 0.5, 0.7, 0.2])
    matching = match(found, truth, overlapping_pairs(found, truth))
    got = matrix_of(found, truth, thresholds)
    asked = np.bincount(truth.labels[matching.counted], minlength=5)
    assert got[:5].sum(axis=1).tolist() == asked.tolist()
    points = [
        each.at(threshold)
        for each, threshold in zip(class_curves(found, truth, matching, 5), thresholds, strict=True)
    ]
    assert np.diagonal(got)[:5].tolist() == [point.hits for point in points]
    assert got[:, :5].sum(axis=0).tolist() == [p.hits + p.false_alarms for p in points]
    assert got[5, 5] == 0
