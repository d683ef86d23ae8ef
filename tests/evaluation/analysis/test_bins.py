"""Ranges of sizes against pycocotools, ranges of shapes by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.evaluation.analysis.bins import SHAPES, SIZES, shape_bins, size_bins
from gluon_ssd.evaluation.analysis.pairs import overlapping_pairs
from gluon_ssd.evaluation.coco_map import coco_class_scores, coco_truth
from gluon_ssd.evaluation.detections import GroundTruth
from tests.evaluation.builders import annotation, collect_ground_truth, detections, random_set


def scaled(seed: int):
    """A random set whose boxes are four times as large, so that all sizes are there."""
    found, truth = random_set(seed, num_images=40, ties=False)
    found = found.only(found.scores >= 0.05)
    object.__setattr__(found, "boxes_px", found.boxes_px * 4)
    object.__setattr__(found, "sizes_hw", found.sizes_hw * 4)
    columns = {**vars(truth), "boxes_px": truth.boxes_px * 4}
    return found, GroundTruth(**columns)


@pytest.mark.parametrize("seed", range(4))
def test_sizes_are_those_of_pycocotools(seed):
    found, truth = scaled(seed)
    got = size_bins(found, truth, overlapping_pairs(found, truth), np.zeros(5))
    theirs = coco_class_scores(found, coco_truth(truth, found.sizes_hw, list("abcde")))
    means = [np.nanmean(theirs.by_area[:, area]) for area in range(3)]
    assert [each.average_precision for each in got] == pytest.approx(means)
    assert [each.name for each in got] == [name for name, _, _ in SIZES]
    counted = ~(truth.difficult | truth.crowd)
    assert sum(each.num_objects for each in got) == counted.sum()
    assert all(each.num_found <= each.num_objects for each in got)


def test_shapes_by_hand():
    boxes = [(0, 0, 9, 29), (40, 0, 69, 9), (0, 50, 19, 69)]  # tall, wide and square
    truth = collect_ground_truth([annotation(boxes, [0, 0, 0])])
    found = detections([(0, 0, 0.9, *boxes[0]), (0, 0, 0.2, *boxes[1])], 1)
    got = shape_bins(found, truth, overlapping_pairs(found, truth), np.array([0.5]))
    assert [each.name for each in got] == [name for name, _, _ in SHAPES]
    assert [each.num_objects for each in got] == [1, 0, 1, 0, 1]
    assert [each.num_found for each in got] == [1, 0, 0, 0, 0]
    # The threshold does not change the average precision.
    expected = [1, np.nan, 0, np.nan, 1]
    assert [e.average_precision for e in got] == pytest.approx(expected, nan_ok=True)
    recalls = [1, np.nan, 0, np.nan, 0]
    assert [each.recall for each in got] == pytest.approx(recalls, nan_ok=True)
