"""Targets by hand and against GluonCV's generator, ties and crowds included."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.boxes import center_to_corner, decode_boxes
from gluon_ssd.detection.matching import TargetMaker

SIDE = 256


def anchors_on_a_grid():
    """1364 centres on five levels, four shapes each; many of equal size, so overlaps tie."""
    rows = []
    for step, size in ((16, 51.2), (32, 102.4), (64, 189.4), (128, 276.4), (256, 363.5)):
        for y in range(SIDE // step):
            for x in range(SIDE // step):
                for root in (1.0, 1.3, 2**0.5, 0.5**0.5):
                    center = ((x + 0.5) * step, (y + 0.5) * step)
                    rows.append((*center, size * root, size / root))
    return np.array(rows, dtype=np.float32)


ANCHORS = anchors_on_a_grid()


def corners_from(points):
    """(N, 4) numbers in any order to corners with at least a pixel of area."""
    low, high = np.minimum(points[:, :2], points[:, 2:]), np.maximum(points[:, :2], points[:, 2:])
    boxes = np.concatenate([low, high], axis=1).astype(np.float32)
    return boxes[(high - low >= 1).all(axis=1)]


def any_boxes(rng, count):
    return corners_from(rng.uniform(-20, SIDE + 20, (count, 4)))


def boxes_on_pixels_of_16(rng, count):
    return corners_from(np.round(rng.uniform(0, SIDE, (count, 4)) / 16) * 16)


def boxes_equal_to_anchors(rng, count):
    return center_to_corner(ANCHORS[rng.choice(len(ANCHORS), count)])


def nearly_the_same_box(rng, count):
    return corners_from(np.round(rng.uniform(0, SIDE, (1, 4))) + rng.integers(0, 3, (count, 1)))


def huge_boxes(rng, count):
    return corners_from(
        np.tile([-900, -900, 1100, 1100], (count, 1)) + rng.normal(0, 90, (count, 4))
    )


def tiny_boxes(rng, count):
    corner = rng.uniform(0, SIDE - 8, (count, 2))
    return corners_from(np.concatenate([corner, corner + rng.uniform(1, 6, (count, 2))], axis=1))


@pytest.fixture
def rng():
    return np.random.default_rng(233)


@pytest.fixture(scope="module")
def gluoncv_targets():
    from gluoncv.model_zoo.ssd.target import SSDTargetGenerator

    # As SSDDefaultTrainTransform sets it up.
    generator = SSDTargetGenerator(iou_thresh=0.5, negative_mining_ratio=-1)

    def run(anchors, boxes, labels):
        arrays = [mx.nd.array(value[None]) for value in (anchors, boxes, labels)]
        classes, offsets, _ = generator(arrays[0], None, arrays[1], arrays[2])
        return classes[0].asnumpy(), offsets[0].asnumpy()

    return run


@pytest.mark.parametrize(
    "make_boxes",
    [
        any_boxes,
        boxes_on_pixels_of_16,
        boxes_equal_to_anchors,
        nearly_the_same_box,
        huge_boxes,
        tiny_boxes,
    ],
)
def test_targets_equal_gluoncv(gluoncv_targets, rng, make_boxes):
    make_targets = TargetMaker(ANCHORS)
    compared = 0
    for _ in range(40):
        boxes = make_boxes(rng, int(rng.integers(1, 30)))
        if len(boxes) == 0:
            continue
        labels = rng.integers(0, 20, len(boxes)).astype(np.int32)
        classes, offsets = make_targets(boxes, labels)
        expected_classes, expected_offsets = gluoncv_targets(ANCHORS, boxes, labels)
        np.testing.assert_array_equal(classes, expected_classes)
        np.testing.assert_allclose(offsets, expected_offsets, atol=1e-5)
        compared += 1
    assert compared >= 30


def test_more_boxes_than_anchors_equal_gluoncv(gluoncv_targets, rng):
    boxes = any_boxes(rng, 40)
    labels = np.arange(len(boxes), dtype=np.int32)
    classes, offsets = TargetMaker(ANCHORS[-8:])(boxes, labels)
    expected_classes, expected_offsets = gluoncv_targets(ANCHORS[-8:], boxes, labels)
    np.testing.assert_array_equal(classes, expected_classes)
    np.testing.assert_allclose(offsets, expected_offsets, atol=1e-5)


def test_three_anchors_by_hand():
    anchors = np.array([(10, 10, 20, 20), (40, 10, 20, 20), (12, 10, 20, 20)], np.float32)
    boxes = np.array([(0, 0, 20, 20), (45, 0, 65, 20)], np.float32)
    classes, offsets = TargetMaker(anchors)(boxes, np.array([4, 7], np.int32))
    # The second box overlaps its anchor by a third only; the bipartite pass matches it.
    assert classes.tolist() == [5, 8, 5]
    expected = [(0, 0, 0, 0), (7.5, 0, 0, 0), (-1, 0, 0, 0)]
    assert offsets == pytest.approx(np.array(expected, np.float32), abs=1e-5)
    assert (classes.dtype, offsets.dtype) == (np.int32, np.float32)


def test_every_box_gets_an_anchor_that_decodes_to_it(rng):
    boxes = np.concatenate([any_boxes(rng, 6), tiny_boxes(rng, 6)])
    labels = np.arange(len(boxes), dtype=np.int32)
    classes, offsets = TargetMaker(ANCHORS)(boxes, labels)
    assert set(labels + 1) <= set(classes.tolist())
    positive = classes > 0
    decoded = decode_boxes(offsets[positive], ANCHORS[positive])
    assert decoded == pytest.approx(boxes[classes[positive] - 1], abs=0.05)


def test_no_boxes_are_all_background():
    none = np.zeros((0, 4), np.float32), np.zeros(0, np.int32)
    classes, offsets = TargetMaker(ANCHORS)(*none)
    assert classes.shape == (len(ANCHORS),) and not classes.any()
    assert offsets.shape == (len(ANCHORS), 4) and not offsets.any()


def test_a_box_without_area_or_far_outside_matches_nothing():
    boxes = np.array([(9, 9, 9, 9), (5000, 5000, 5100, 5100), (100, 100, 160, 160)], np.float32)
    classes, offsets = TargetMaker(ANCHORS)(boxes, np.array([0, 1, 2], np.int32))
    assert set(classes.tolist()) == {0, 3}
    assert np.isfinite(offsets).all()


def test_a_higher_threshold_matches_fewer_anchors(rng):
    boxes = any_boxes(rng, 5)
    labels = np.zeros(len(boxes), np.int32)
    counts = [
        int((TargetMaker(ANCHORS, iou_threshold=threshold)(boxes, labels)[0] > 0).sum())
        for threshold in (0.3, 0.5, 0.7, 1.1)
    ]
    assert counts == sorted(counts, reverse=True)
    # Above 1 only the bipartite pass and its ties are left.
    assert counts[-1] >= len(boxes)


def test_target_maker_pickles(rng):
    boxes = any_boxes(rng, 4)
    labels = np.zeros(len(boxes), np.int32)
    original = TargetMaker(ANCHORS, stds=(0.2, 0.2, 0.1, 0.1))
    copy = pickle.loads(pickle.dumps(original))
    assert copy.num_anchors == len(ANCHORS)
    for ours, theirs in zip(original(boxes, labels), copy(boxes, labels), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def square(x: float, y: float, side: float = 20) -> tuple[float, ...]:
    return x, y, side, side


def classes_of(anchors: list, boxes: list, **options: float) -> list[int]:
    """0 for background, else the number of the matched box, from 1."""
    labels = np.arange(len(boxes), dtype=np.int32)
    boxes_px = center_to_corner(np.array(boxes, np.float32).reshape(-1, 4))
    return TargetMaker(np.array(anchors, np.float32), **options)(boxes_px, labels)[0].tolist()


@pytest.mark.parametrize(
    ("boxes", "classes"),
    [
        ([square(10, 10)], [1, 0, 0]),
        ([square(10, 10), square(10, 10)], [1, 2, 0]),  # the second takes what is left
        ([square(50, 10), square(10, 10)], [2, 0, 1]),
        ([square(10, 10)] * 3, [1, 2, 0]),  # the third overlaps no free anchor
        ([square(300, 300)], [0, 0, 0]),
    ],
    ids=["one", "twins", "apart", "triplets", "outside"],
)
def test_matches_by_hand(boxes: list, classes: list[int]) -> None:
    # The second anchor overlaps the first by a third.
    assert classes_of([square(10, 10), square(20, 10), square(50, 10)], boxes) == classes


def test_the_highest_overlap_goes_first() -> None:
    # Both like the first anchor best; the second fits it better, the first box takes the other.
    anchors = [square(10, 10), square(24, 10)]
    assert classes_of(anchors, [square(14, 10), square(11, 10)]) == [2, 1]


@pytest.mark.parametrize(
    ("threshold", "classes"), [(0.5, [1, 1, 0]), (0.51, [1, 0, 0]), (0.2, [1, 1, 1])]
)
def test_an_overlap_equal_to_the_threshold_matches(threshold: float, classes: list[int]) -> None:
    # Overlaps: 1, 1/2 and 1/4.
    anchors = [square(10, 10), (10, 5, 20, 10), (5, 5, 10, 10)]
    assert classes_of(anchors, [square(10, 10)], iou_threshold=threshold) == classes


def test_an_anchor_that_ties_with_the_best_joins_it() -> None:
    # Both halves of the box overlap it by 1/2, which is below the threshold.
    anchors = [(10, 5, 20, 10), (10, 15, 20, 10), (10, 2, 20, 4)]
    assert classes_of(anchors, [square(10, 10)], iou_threshold=0.9) == [1, 1, 0]


def test_an_anchor_takes_the_box_it_overlaps_most() -> None:
    boxes = [square(10, 10, 24), square(10, 10, 21)]
    anchors = [square(10, 10, 24), square(10, 10, 21), square(10, 10, 20)]
    assert classes_of(anchors, boxes) == [1, 2, 2]


def test_an_anchor_without_area_matches_nothing() -> None:
    assert classes_of([square(10, 10, 0), square(10, 10)], [square(10, 10)]) == [0, 1]
    assert classes_of([square(10, 10, 0)], [square(10, 10, 0)]) == [0]


def test_offsets_are_in_the_given_stds() -> None:
    anchors = np.array([(10, 20, 20, 40)], np.float32)
    boxes = np.array([(2, 10, 32, 40)], np.float32)  # centre (17, 25), 30 x 30
    _, offsets = TargetMaker(anchors, stds=(0.5, 0.25, 2, 4))(boxes, np.zeros(1, np.int32))
    expected = (7 / 20 / 0.5, 5 / 40 / 0.25, np.log(1.5) / 2, np.log(0.75) / 4)
    assert offsets == pytest.approx(np.array([expected]), abs=1e-5)


def test_anchors_are_counted_and_may_have_more_dimensions() -> None:
    anchors = np.array([[square(10, 10), square(50, 10)]], np.float32)
    make_targets = TargetMaker(anchors)
    assert make_targets.num_anchors == 2
    classes, offsets = make_targets(np.array([(0, 0, 20, 20)], np.float32), np.zeros(1, np.int32))
    assert (classes.tolist(), offsets.shape) == ([1, 0], (2, 4))
