"""Matching by two thresholds, against plain loops and against the published code."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from gluon_ssd.detection.boxes import center_to_corner, encode_boxes
from gluon_ssd.detection.threshold_matching import ThresholdMatcher
from gluon_ssd.errors import DataError
from gluon_ssd.families.catalog import SPECS
from gluon_ssd.families.retinanet.anchors import cell_boxes, pyramid_anchors
from tests.golden_files import golden

FILE = "mlperf_retinanet"
SETS = ("plain", "tiny", "overlap", "elongated", "edge", "ties", "many")
SPEC = SPECS["retinanet_resnext50_32x4d_openimages"]


def anchors_of(side):
    """float32 (A, 4), centre form, px, of a square input, from the sizes of its maps."""
    sizes = [(-(-side // 2**level),) * 2 for level in range(3, 8)]
    return pyramid_anchors(cell_boxes(SPEC.areas, SPEC.ratios), sizes, (side, side))


def overlap(one, other):
    f = np.float32
    width = max(f(min(one[2], other[2])) - f(max(one[0], other[0])), f(0))
    height = max(f(min(one[3], other[3])) - f(max(one[1], other[1])), f(0))
    common = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return common / (areas[0] + areas[1] - common)


def match_in_loops(boxes, labels, anchors_center):
    """Class targets and box targets by the definition: a full table, then one anchor at a time."""
    corners = center_to_corner(anchors_center)
    table = np.array([[overlap(box, corner) for box in boxes] for corner in corners])
    classes = np.zeros(len(corners), int)
    offsets = np.zeros((len(corners), 4), np.float32)
    for anchor, row in enumerate(table):
        truth = int(np.argmax(row))
        nearest = any(
            row[t] == table[:, t].max() and table[:, t].max() > 0 for t in range(len(boxes))
        )
        if row[truth] >= np.float32(0.5) or nearest:
            classes[anchor] = labels[truth] + 1
            pair = boxes[truth : truth + 1], anchors_center[anchor : anchor + 1]
            offsets[anchor] = encode_boxes(*pair, (1, 1, 1, 1))[0]
        elif row[truth] >= np.float32(0.4):
            classes[anchor] = -1
    return classes, offsets


def assert_same_targets(boxes, labels, anchors):
    boxes = np.asarray(boxes, np.float32)
    classes, offsets = ThresholdMatcher(anchors)(boxes, labels)
    expected, expected_offsets = match_in_loops(boxes, labels, anchors)
    np.testing.assert_array_equal(classes, expected)
    np.testing.assert_array_equal(offsets, expected_offsets)
    assert (classes.dtype, offsets.dtype) == (np.int32, np.float32)
    return classes


@pytest.mark.parametrize("seed", range(6))
def test_targets_are_those_of_plain_loops(seed):
    generator = np.random.default_rng(seed)
    drawn = generator.random((5, 4))
    size = 2 + drawn[:, 2:] ** 2 * (60, 30)  # many elongated, some tiny
    start = drawn[:, :2] * (64 - size)
    anchors = anchors_of(64)
    boxes = np.concatenate([start, start + size], axis=1)
    classes = assert_same_targets(boxes, generator.integers(0, 9, 5), anchors)
    assert (classes > 0).sum() > 0


@pytest.mark.parametrize(
    "boxes",
    [
        [[8, 8, 40, 40], [8, 8, 40, 40]],  # equal ones: the first takes all
        [[0, 0, 64, 64], [30, 30, 31, 31]],  # one that the other's anchors lie upon
        [[1, 20, 63, 21]],  # below the lower threshold everywhere
        [[4, 4, 36, 36], [300, 300, 310, 310]],  # one far outside
    ],
)
def test_special_cases_are_those_of_plain_loops(boxes):
    assert_same_targets(boxes, np.arange(len(boxes)), anchors_of(64))


def test_overlap_of_exactly_a_threshold_counts():
    anchors = np.array([[50, 50, 20, 10], [50, 50, 20, 8], [50, 50, 20, 7.9]], np.float32)
    classes, _ = ThresholdMatcher(anchors)(
        np.array([[40, 40, 60, 60], [40, 45, 60, 55]], np.float32), np.array([1, 2])
    )
    assert classes.tolist() == [3, 3, 3]
    classes, _ = ThresholdMatcher(np.append(anchors, [[50, 50, 20, 20]], axis=0).astype("f"))(
        np.array([[40, 40, 60, 60]], np.float32), np.array([1])
    )
    assert classes.tolist() == [2, -1, 0, 2]


def test_without_boxes_everything_is_background():
    classes, offsets = ThresholdMatcher(anchors_of(64))(np.zeros((0, 4)), np.zeros(0, int))
    assert not classes.any() and not offsets.any()
    assert len(classes) == len(offsets) == len(anchors_of(64))


@pytest.mark.parametrize(
    "box", [[10, 10, 10, 20], [10, 10, 20, 10], [20, 10, 10, 20], [10, 10, np.nan, 20]]
)
def test_boxes_without_area_are_refused(box):
    boxes = np.array([[1, 1, 5, 5], box], np.float32)
    with pytest.raises(DataError, match=r"box 1 cannot be encoded: \[.*\] has no area"):
        ThresholdMatcher(anchors_of(64))(boxes, np.array([0, 1]))


def test_it_travels_to_data_workers():
    matcher = pickle.loads(pickle.dumps(ThresholdMatcher(anchors_of(64))))
    classes, _ = matcher(np.array([[0, 0, 40, 40]], np.float32), np.array([3]))
    assert set(classes.tolist()) == {-1, 0, 4}
    assert matcher.num_anchors == len(classes)


@pytest.mark.parametrize("name", SETS)
def test_targets_at_800_px_are_the_published_ones(name):
    numbers = golden(FILE).part(f"match.{name}.")
    boxes, labels = numbers["boxes_px"], numbers["labels"]
    anchors = anchors_of(800)
    classes, offsets = ThresholdMatcher(anchors)(boxes, labels)
    found = np.flatnonzero(classes > 0)
    np.testing.assert_array_equal(found, numbers["foreground"])
    np.testing.assert_array_equal(np.flatnonzero(classes < 0), numbers["between"])
    np.testing.assert_array_equal(classes[found] - 1, labels[numbers["gt"]])
    counts = [len(found), (classes < 0).sum(), (classes == 0).sum()]
    np.testing.assert_array_equal(counts, numbers["counts"])
    np.testing.assert_allclose(offsets[found], numbers["coded"], atol=1e-6)
    corners = center_to_corner(anchors[found])
    truths = boxes[numbers["gt"]]
    below = [overlap(*pair) < np.float32(0.5) for pair in zip(truths, corners, strict=True)]
    np.testing.assert_array_equal(below, numbers["low_quality"])
