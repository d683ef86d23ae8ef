"""The claiming matcher against plain loops and against what published encoders answer."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from gluon_ssd.detection.boxes import center_to_corner, corner_to_center, encode_boxes
from gluon_ssd.detection.claim_matching import ClaimingTargetMaker
from gluon_ssd.errors import DataError
from tests.detection.published_ssd import SETS, SOURCES, boxes_named, match_in_loops
from tests.golden_files import golden
from tests.golden_rule import random_boxes, summary, summary_distance

# A grid of few enough boxes for loops.
GRID = corner_to_center(
    np.array(
        [
            (x / 8, y / 8, (x + side) / 8, (y + side) / 8)
            for side in (1, 2, 4)
            for y in range(9 - side)
            for x in range(9 - side)
        ],
        np.float32,
    )
)


def maker_of(name):
    boxes = boxes_named(name)
    side = 1200 if "1200" in name else 300
    return ClaimingTargetMaker(boxes, boxes * np.float32(side), (side, side)), side


@pytest.mark.parametrize("count", [0, 1, 2, 5, 20])
@pytest.mark.parametrize("seed", range(4))
def test_matches_are_those_of_plain_loops(count, seed):
    boxes = random_boxes("loops", count, seed=seed)
    if count > 4:
        boxes[3] = boxes[1]  # both claim the same
        boxes[4] = (0.25, 0.25, 0.5, 0.5)  # ties
    anchors, truths = ClaimingTargetMaker(GRID, 64 * GRID, (64, 64)).match(boxes)
    assert dict(zip(anchors.tolist(), truths.tolist(), strict=True)) == match_in_loops(boxes, GRID)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        # Exactly 0.5 is not enough; the box claims the first of the two that it overlaps most.
        ([(0, 0, 0.25, 0.125)], {0: 0}),
        # No overlap at all claims box 0, also from the one that overlaps it most.
        ([(0, 0, 0.125, 0.125), (1.5, 1.5, 1.6, 1.6)], {0: 1}),
        # Of two that claim one box the later has it, though the earlier fits as well.
        ([(0, 0, 0.125, 0.125), (0, 0, 0.125, 0.125)], {0: 1}),
    ],
)
def test_edges_by_hand(boxes, expected):
    boxes = np.array(boxes, np.float32)
    anchors, truths = ClaimingTargetMaker(GRID, 64 * GRID, (64, 64)).match(boxes)
    assert dict(zip(anchors.tolist(), truths.tolist(), strict=True)) == expected
    assert match_in_loops(boxes, GRID) == expected


@pytest.mark.parametrize("which", SETS)
@pytest.mark.parametrize(("file", "prefix", "name"), [*SOURCES.values()], ids=SOURCES)
def test_every_published_set_is_matched_as_published(file, prefix, name, which):
    numbers = golden(file).part(f"{prefix}encode.{which}.")
    defaults = boxes_named(name)
    maker, _ = maker_of(name)
    anchors, truths = maker.match(numbers["boxes_in"])
    np.testing.assert_array_equal(anchors, numbers["positive"])
    np.testing.assert_array_equal(truths, numbers["assigned"])
    np.testing.assert_array_equal(numbers["labels_in"][truths], numbers["labels"])
    # What the published encoder hands out: the matched box, or the default box itself.
    corners = center_to_corner(defaults)
    corners[anchors] = numbers["boxes_in"][truths]
    every = corner_to_center(corners)
    sums = every.sum(axis=0, dtype=np.float64)
    np.testing.assert_allclose(sums, numbers["all_boxes.sums"], rtol=1e-7)
    assert summary_distance(summary(every), numbers["all_boxes.summary"]) < 1e-6


@pytest.mark.parametrize("which", [name for name in SETS if name != "flat"])
@pytest.mark.parametrize(("file", "prefix", "name"), [*SOURCES.values()], ids=SOURCES)
def test_targets_of_pixels_are_the_published_ones(file, prefix, name, which):
    numbers = golden(file).part(f"{prefix}encode.{which}.")
    maker, side = maker_of(name)
    labels = (numbers["labels_in"] - 1).astype(np.int32)
    classes, boxes = maker(numbers["boxes_in"] * np.float32(side), labels)
    positive = numbers["positive"]
    np.testing.assert_array_equal(np.flatnonzero(classes), positive)
    np.testing.assert_array_equal(classes[positive], numbers["labels"])
    if "coded" in numbers:
        np.testing.assert_allclose(boxes[positive], numbers["coded"], rtol=1e-5, atol=3e-5)
        assert (
            np.abs(
                corner_to_center(numbers["boxes_in"])[numbers["assigned"]] - numbers["boxes"]
            ).max()
            < 1e-6
        )
    assert not boxes[classes == 0].any()
    assert (classes.dtype, boxes.dtype) == (np.int32, np.float32)


@pytest.mark.parametrize(("file", "prefix", "name"), [*SOURCES.values()], ids=SOURCES)
def test_a_box_without_width_is_refused_where_the_published_offset_is_infinite(file, prefix, name):
    numbers = golden(file).part(f"{prefix}encode.flat.")
    maker, side = maker_of(name)
    pixels, labels = numbers["boxes_in"] * np.float32(side), numbers["labels_in"].astype(np.int32)
    with pytest.raises(DataError, match="box 0 cannot be encoded"):
        maker(pixels, labels - 1)
    golden(file)[f"{prefix}encode.flat.coded"]  # skips where the file lacks it
    whole = numbers["assigned"] == 1
    assert np.isneginf(numbers["coded"][~whole, 2]).all() and (~whole).sum() == 1
    found = maker(pixels[1:], labels[1:] - 1)[1][numbers["positive"][whole]]
    np.testing.assert_allclose(found, numbers["coded"][whole], rtol=1e-5, atol=3e-5)
    centers = corner_to_center(numbers["boxes_in"])[numbers["assigned"]]
    np.testing.assert_allclose(centers, numbers["boxes"], atol=1e-6)


@pytest.mark.parametrize(("file", "prefix", "name"), [*SOURCES.values()], ids=SOURCES)
def test_an_image_without_boxes_is_all_background(file, prefix, name):
    maker, _ = maker_of(name)
    classes, boxes = maker(np.zeros((0, 4), np.float32), np.zeros(0, np.int32))
    assert (len(classes), boxes.shape) == (len(boxes_named(name)), (len(classes), 4))
    assert not classes.any() and not boxes.any()
    assert golden(file)[f"{prefix}encode.empty.published"] == "IndexError"


@pytest.mark.parametrize("flat", [(10, 20, 10, 40), (10, 20, 30, 20), (30, 20, 10, 40)])
def test_boxes_without_area_are_refused(flat):
    maker, _ = maker_of("ssd300_resnet50_coco")
    boxes = np.array([flat, (10, 20, 30, 40)], np.float32)
    with pytest.raises(DataError, match=r"box 0 cannot be encoded: \[.*\] has no area") as caught:
        maker(boxes, np.array([0, 1], np.int32))
    assert "\n" not in str(caught.value)


def test_offsets_are_of_the_anchors_in_pixels():
    maker = ClaimingTargetMaker(GRID, 64 * GRID, (64, 64), stds=(0.5, 0.5, 1, 1))
    box = np.array([(1, 2, 9, 10)], np.float32)
    classes, boxes = maker(box, np.array([6], np.int32))
    (anchor,) = np.flatnonzero(classes == 7)
    np.testing.assert_allclose(
        boxes[anchor], encode_boxes(box, 64 * GRID[[anchor]], (0.5, 0.5, 1, 1))[0]
    )
    np.testing.assert_allclose(boxes[anchor], (1 / 8 / 0.5, 2 / 8 / 0.5, 0, 0), atol=1e-6)


def test_it_travels_to_data_workers():
    maker = ClaimingTargetMaker(GRID, 64 * GRID, (64, 64))
    box, label = np.array([(1, 2, 9, 10)], np.float32), np.array([6], np.int32)
    for one, other in zip(
        maker(box, label), pickle.loads(pickle.dumps(maker))(box, label), strict=True
    ):
        np.testing.assert_array_equal(one, other)
