"""What each image comes to, and which got worse."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.evaluation.analysis.curves import class_curves
from gluon_ssd.evaluation.analysis.matching import match
from gluon_ssd.evaluation.analysis.pairs import overlapping_pairs
from gluon_ssd.evaluation.analysis.per_image import image_counts, images_by_change
from tests.evaluation.builders import annotation, collect_ground_truth, detections, random_set

BOX, OTHER = (10, 10, 29, 29), (50, 50, 69, 69)


def counts_of(found, truth, thresholds):
    matching = match(found, truth, overlapping_pairs(found, truth))
    return image_counts(found, truth, matching, np.asarray(thresholds, float))


def test_by_hand():
    truth = collect_ground_truth([annotation([BOX], [0]), annotation([BOX, OTHER], [0, 0])])
    found = detections([(0, 0, 0.9, *BOX), (1, 0, 0.9, *OTHER), (1, 0, 0.2, *BOX)], 3)
    got = counts_of(found, truth, [0.5])
    assert got.hits.tolist() == [1, 1, 0]
    assert got.missed.tolist() == [0, 1, 0]
    assert got.alarms.tolist() == [0, 0, 0]
    worse = counts_of(detections([(0, 0, 0.9, *OTHER)], 3), truth, [0.5])
    assert worse.mistakes.tolist() == [2, 2, 0]
    assert images_by_change(worse, got).tolist() == [0, 1, 2]
    assert images_by_change(got, worse).tolist() == [2, 1, 0]


@pytest.mark.parametrize("seed", range(3))
def test_images_sum_to_the_classes(seed):
    found, truth = random_set(seed, ties=False)
    thresholds = np.array([0.3, 0.4, 0.5, 0.6, 0.7])
    matching = match(found, truth, overlapping_pairs(found, truth))
    curves = class_curves(found, truth, matching, 5)
    points = [each.at(value) for each, value in zip(curves, thresholds, strict=True)]
    got = image_counts(found, truth, matching, thresholds)
    assert got.hits.sum() == sum(point.hits for point in points)
    assert got.alarms.sum() == sum(point.false_alarms for point in points)
    assert got.missed.sum() == sum(point.missed for point in points)
