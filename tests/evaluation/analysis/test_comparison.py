"""Two detectors image by image, at the same thresholds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gluon_ssd.evaluation.analysis.analysis import analyse
from gluon_ssd.evaluation.analysis.comparison import compare
from tests.evaluation.builders import annotation, collect_ground_truth, detections, random_set

CLASSES = tuple("abcde")
BOX, OTHER = (10, 10, 29, 29), (50, 50, 69, 69)


def two(seed=5):
    """Two detectors that have a third of their detections in common; one scores lower."""
    found, truth = random_set(seed, num_images=30, ties=False)
    turn = np.arange(len(found.labels)) % 3
    lower = found.only(turn > 0)
    lower = replace(lower, scores=lower.scores * np.float32(0.9))
    return analyse(lower, truth, CLASSES), analyse(found.only(turn < 2), truth, CLASSES)


def test_worse_and_better_images_are_those_that_changed_most_changed_first():
    got = compare(*two())
    change = got.now.mistakes - got.before.mistakes
    for listed, sign in ((got.worse, 1), (got.better, -1)):
        assert sorted(listed) == np.flatnonzero(sign * change > 0).tolist()
        sizes = (sign * change)[listed].tolist()
        assert len(listed) > 5 and sizes == sorted(sizes, reverse=True)


def test_the_other_way_round_is_the_mirror_image():
    now, before = two()
    there, back = compare(now, before), compare(before, now)
    assert (there.worse, there.better) == (back.better, back.worse)
    assert there.thresholds.tolist() == back.thresholds.tolist()


def test_a_detector_against_itself_changes_nothing():
    detector, _ = two()
    got = compare(detector, detector)
    assert got.in_words() == "0 of 30 images got worse, 0 better, 30 are the same"
    assert got.thresholds.tolist() == detector.thresholds.tolist()


def test_both_are_counted_at_the_mean_of_their_best_thresholds():
    """A wrong detection there counts, though it is below the best threshold of its detector."""
    truth = collect_ground_truth([annotation([BOX], [0])] * 3)
    right = [(image, 0, score, *BOX) for image, score in enumerate((0.6, 0.9, 0.9))]
    wrong = (2, 0, 0.1, *OTHER)
    before = analyse(detections([*right, wrong], 3), truth, ("a", "b"))
    now = analyse(detections([*right, (2, 0, 0.5, *OTHER)], 3), truth, ("a", "b"))
    assert now.best[0] > before.best[0]
    got = compare(now, before)
    assert got.thresholds[0] == (now.best[0] + before.best[0]) / 2
    assert got.in_words() == "1 of 3 images got worse, 0 better, 2 are the same"
    assert got.worse == [2]


def test_where_one_finds_nothing_the_threshold_of_the_other_stands():
    truth = collect_ground_truth([annotation([BOX], [0])])
    seeing = analyse(detections([(0, 0, 0.8, *BOX)], 1), truth, ("a", "b"))
    blind = analyse(detections([], 1), truth, ("a", "b"))
    got = compare(blind, seeing)
    assert got.thresholds.tolist() == [seeing.best[0], 0.5]
    assert got.worse == [0]
