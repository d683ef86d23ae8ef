"""Targets lead back to the objects they were made of, whatever matcher made them."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.detection.boxes import center_to_corner
from gluon_ssd.detection.claim_matching import ClaimingTargetMaker
from gluon_ssd.detection.matching import TargetMaker
from gluon_ssd.detection.target_boxes import boxes_of_targets
from gluon_ssd.detection.threshold_matching import ThresholdMatcher

ANCHORS = np.array(
    [(x, y, side, side) for side in (24, 60) for y in range(8, 120, 8) for x in range(8, 120, 8)],
    np.float32,
)
ONE = (1.0, 1.0, 1.0, 1.0)
SSD = (0.1, 0.1, 0.2, 0.2)
MAKERS = {
    "zoo": (TargetMaker(ANCHORS), SSD),
    "claiming": (ClaimingTargetMaker(ANCHORS / 128, ANCHORS, (128, 128)), SSD),
    "thresholds": (ThresholdMatcher(ANCHORS, stds=ONE), ONE),
}
BOXES = np.array([(10, 12, 40, 39), (50, 20, 110, 83), (52, 22, 108, 80), (5, 90, 33, 115)], "f4")


@pytest.mark.parametrize("name", MAKERS)
def test_every_object_comes_back_once(name):
    make, stds = MAKERS[name]
    labels = np.array([2, 0, 1, 0], np.int32)
    class_targets, box_targets = make(BOXES, labels)
    found = boxes_of_targets(class_targets, box_targets, ANCHORS, stds)
    order = np.lexsort(found.boxes_px.T[::-1])
    np.testing.assert_allclose(found.boxes_px[order], BOXES[[3, 0, 1, 2]], atol=1e-3)
    assert found.labels[order].tolist() == [0, 2, 0, 1]
    assert found.anchors.sum() == (class_targets > 0).sum() and (found.anchors > 0).all()


def test_equal_boxes_of_two_classes_are_two_objects_and_none_is_none():
    make, stds = MAKERS["zoo"]
    pair = make(BOXES[[1, 1]], np.array([0, 1], np.int32))
    found = boxes_of_targets(*pair, ANCHORS, stds)
    assert sorted(found.labels.tolist()) == [0, 1]
    nothing = make(np.zeros((0, 4), np.float32), np.zeros(0, np.int32))
    found = boxes_of_targets(*nothing, ANCHORS, stds)
    assert [array.shape for array in found] == [(0, 4), (0,), (0,)]


def test_what_no_anchor_was_matched_to_is_not_there():
    class_targets = np.zeros(len(ANCHORS), np.int32)
    class_targets[[3, 7]] = 1, -1  # a match whose offsets are 0 is its anchor, the other is ignored
    found = boxes_of_targets(class_targets, np.zeros((len(ANCHORS), 4), "f4"), ANCHORS, SSD)
    np.testing.assert_allclose(found.boxes_px, center_to_corner(ANCHORS[3:4]))
