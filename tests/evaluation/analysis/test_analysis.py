"""The parts of an analysis belong together."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.analysis.analysis import WITHOUT_BEST, analyse
from gluon_ssd.evaluation.analysis.confusion import shown_detections
from gluon_ssd.evaluation.analysis.kinds import NO_ERROR, error_kinds
from gluon_ssd.evaluation.analysis.matching import FALSE_ALARM, match
from gluon_ssd.evaluation.analysis.pairs import overlapping_pairs
from gluon_ssd.evaluation.analysis.scores import side_by_side
from gluon_ssd.evaluation.coco_map import coco_truth, evaluate_coco
from gluon_ssd.evaluation.voc_map import evaluate_voc
from gluon_ssd.inference.thresholds import USUAL_THRESHOLD
from tests.evaluation.builders import annotation, collect_ground_truth, detections, random_set

CLASSES = tuple("abcde")


@pytest.mark.parametrize("seed", range(3))
def test_the_parts_agree(seed):
    found, truth = random_set(seed, num_images=20, ties=False)
    got = analyse(found, truth, CLASSES)
    assert (got.found.scores >= 0.05).all() and len(got.found.labels) < len(found.labels)
    thresholds = [point.threshold for point in got.points]
    assert got.thresholds.tolist() == thresholds
    assert np.isnan(got.best[4]) and got.best[:4].tolist() == thresholds[:4]
    hits = sum(point.hits for point in got.points)
    assert hits == np.trace(got.confusion)
    assert hits == sum(each.num_found for each in got.shapes)
    mean = np.nanmean([each.average_precision for each in got.curves])
    assert got.mean_average_precision == pytest.approx(mean)


@pytest.mark.parametrize("seed", range(3))
def test_a_class_without_objects_counts_the_same_wherever_it_is_counted(seed):
    """The last class is never annotated: it has no best threshold, and counts at 0.5."""
    found, truth = random_set(seed, num_images=20, ties=False)
    got = analyse(found, truth, CLASSES)
    assert got.thresholds[4] == WITHOUT_BEST == USUAL_THRESHOLD
    shown = shown_detections(got.found, got.thresholds)
    alarms = shown & (got.matching.outcome == FALSE_ALARM)
    of_class = np.count_nonzero(alarms & (got.found.labels == 4))
    assert 0 < of_class < np.count_nonzero(got.found.labels == 4)
    assert got.points[4].false_alarms == of_class == got.confusion[:, 4].sum()
    wrong = got.errors.kind != NO_ERROR
    assert wrong.tolist() == alarms.tolist()
    assert sum(point.false_alarms for point in got.points) == wrong.sum()


@pytest.mark.parametrize("seed", range(3))
def test_errors_at_the_thresholds_are_those_of_the_shown_detections_alone(seed):
    found, truth = random_set(seed, num_images=20, ties=False)
    got = analyse(found, truth, CLASSES)
    alone = got.found.only(shown_detections(got.found, got.thresholds))
    pairs = overlapping_pairs(alone, truth)
    expected = error_kinds(alone, truth, pairs, match(alone, truth, pairs))
    assert got.errors.counts() == expected.counts()
    assert got.errors.missed.tolist() == expected.missed.tolist()


def test_outcomes_of_an_image_by_hand():
    truth = collect_ground_truth([annotation([(0, 0, 9, 9), (50, 50, 69, 69)], [0, 1])])
    rows = [(0, 0, 0.9, 0, 0, 9, 9), (0, 1, 0.8, 0, 0, 9, 9), (0, 1, 0.9, 50, 50, 69, 69)]
    got = analyse(detections(rows, 1), truth, ("a", "b"))
    rows, is_hit, objects = got.outcomes(0, got.thresholds)
    # The wrong one is below the threshold of its class.
    assert (rows.tolist(), is_hit.tolist(), objects.tolist()) == ([0, 2], [True, True], [0, 1])


def test_classes_that_are_not_there_are_an_error():
    found, truth = random_set(1)
    with pytest.raises(DataError, match="found class number 4"):
        analyse(found, truth, CLASSES[:4])


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_each_evaluator(seed):
    found, truth = random_set(seed)
    coco = coco_truth(truth, found.sizes_hw, CLASSES)
    got = side_by_side(found, truth, coco, CLASSES)
    by_coco = evaluate_coco(found, coco, CLASSES)
    by_voc = evaluate_voc(found, truth, CLASSES, year=2007)
    assert got.means[1:] == pytest.approx([by_coco.score, by_voc.score])
    own = analyse(found, truth, CLASSES)
    assert got.means[0] == pytest.approx(own.mean_average_precision)
    for column, scores in ((1, by_coco.class_scores), (2, by_voc.class_scores)):
        expected = [scores[name] for name in CLASSES]
        assert got.classes[:, column] == pytest.approx(expected, nan_ok=True)


def test_without_the_size_of_the_input_vocs_is_in_pixels_of_the_image():
    found, truth = random_set(1)
    object.__setattr__(found, "input_size_hw", (0, 0))
    got = side_by_side(found, truth, coco_truth(truth, found.sizes_hw, CLASSES), CLASSES)
    expected = evaluate_voc(found, truth, CLASSES, coordinates="original").score
    assert got.means[2] == pytest.approx(expected)
