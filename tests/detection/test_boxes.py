"""Box geometry against numbers worked out by hand, and against its own inverses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gluon_ssd.detection.boxes import (
    box_areas,
    center_to_corner,
    clip_boxes,
    corner_to_center,
    decode_boxes,
    encode_boxes,
    flip_boxes_horizontally,
    iou_matrix,
    resize_boxes,
)
from gluon_ssd.errors import DataError

NO_BOXES = np.zeros((0, 4), np.float32)


def boxes_of(*rows):
    return np.array(rows, dtype=np.float32)


@st.composite
def some_boxes(draw):
    corner_and_size = draw(
        hnp.arrays(
            np.float32,
            st.tuples(st.integers(1, 8), st.just(4)),
            elements=st.floats(1, 300, width=32),
        )
    )
    corner_and_size[:, 2:] += corner_and_size[:, :2]
    return corner_and_size


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
        ((0, 0, 10, 10), (2, 2, 4, 4), 0.04),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
        ((0, 0, 10, 10), (30, 30, 40, 40), 0.0),
        ((0, 0, 10, 10), (5, 5, 5, 9), 0.0),
        ((5, 5, 5, 5), (5, 5, 5, 5), 0.0),
        ((1, 2, 5, 12), (3, 7, 7, 11), 8 / 48),
        ((-9, -8, -5, 2), (-7, -3, -3, 1), 8 / 48),
        ((10, 10, 0, 0), (0, 0, 10, 10), 0.0),
        ((0, 0, 10, 10), (10, 0, 0, 10), 0.0),
    ],
    ids=[
        *("same", "half", "inside", "touching", "apart", "flat", "two points"),
        *("across", "negative", "inside out", "turned in x"),
    ],
)
def test_iou_matrix_by_hand(a, b, expected):
    assert iou_matrix(boxes_of(a), boxes_of(b)) == pytest.approx(np.array([[expected]]))


def test_iou_matrix_is_rows_by_columns():
    overlaps = iou_matrix(
        boxes_of((0, 0, 2, 2), (0, 0, 4, 4), (9, 9, 10, 10)), boxes_of((0, 0, 4, 4))
    )
    assert overlaps.dtype == np.float32
    assert overlaps[:, 0].tolist() == [0.25, 1.0, 0.0]


def test_iou_matrix_without_boxes():
    assert iou_matrix(NO_BOXES, boxes_of((0, 0, 1, 1))).shape == (0, 1)
    assert iou_matrix(boxes_of((0, 0, 1, 1)), NO_BOXES).shape == (1, 0)


@pytest.mark.parametrize(
    ("box", "area"),
    [
        ((2, 3, 5, 7), 12),
        ((0, 0, 1, 1), 1),
        ((4, 0, 0, 4), 0),
        ((0, 4, 4, 0), 0),
        ((4, 4, 0, 0), 0),
        ((4, 4, 4, 9), 0),
    ],
    ids=["plain", "one pixel", "turned in x", "turned in y", "inside out", "flat"],
)
def test_box_areas_by_hand(box: tuple[int, ...], area: int) -> None:
    assert box_areas(boxes_of(box)).tolist() == [area]


def test_centers_by_hand():
    assert corner_to_center(boxes_of((10, 20, 30, 60))).tolist() == [[20, 40, 20, 40]]
    assert center_to_corner(boxes_of((20, 40, 20, 40))).tolist() == [[10, 20, 30, 60]]


def test_centers_keep_leading_dimensions() -> None:
    corners = boxes_of((0, 0, 2, 4), (1, 2, 5, 4)).reshape(2, 1, 4)
    centers = boxes_of((1, 2, 2, 4), (3, 3, 4, 2)).reshape(2, 1, 4)
    np.testing.assert_array_equal(corner_to_center(corners), centers)
    np.testing.assert_array_equal(center_to_corner(centers), corners)


@given(some_boxes())
def test_corner_and_center_are_inverse(boxes):
    assert center_to_corner(corner_to_center(boxes)) == pytest.approx(boxes, abs=1e-3)


def test_encode_boxes_by_hand():
    # One anchor width to the right, half as high.
    offsets = encode_boxes(boxes_of((20, 5, 40, 15)), boxes_of((10, 10, 20, 20)))
    assert offsets == pytest.approx(np.array([[10, 0, 0, np.log(0.5) / 0.2]]), abs=1e-5)


def test_coding_by_hand_in_all_four_numbers() -> None:
    # Centre (34, 23), size 20 x 10; 24 of 40 to the right, 10 of 20 down, each side halved.
    box, anchor, stds = boxes_of((24, 18, 44, 28)), boxes_of((10, 13, 40, 20)), (0.1, 0.2, 0.5, 4)
    offsets = boxes_of((6, 2.5, 2 * np.log(0.5), np.log(0.5) / 4))
    assert encode_boxes(box, anchor, stds) == pytest.approx(offsets, abs=1e-5)
    assert decode_boxes(offsets, anchor, stds) == pytest.approx(box, abs=1e-4)


def test_coding_uses_the_stds_of_the_published_weights() -> None:
    box, anchor = boxes_of((10, 20, 30, 80)), boxes_of((10, 20, 20, 30))
    offsets = boxes_of((5, 10, 0, np.log(2) / 0.2))
    assert encode_boxes(box, anchor) == pytest.approx(offsets, abs=1e-5)
    assert decode_boxes(offsets, anchor) == pytest.approx(box, abs=1e-4)


def test_a_box_with_its_centre_outside_of_the_image_is_encoded() -> None:
    offsets = encode_boxes(boxes_of((-30, -30, -10, -10)), boxes_of((-20, -20, 20, 20)))
    assert offsets.tolist() == [[0, 0, 0, 0]]


@given(some_boxes())
def test_decode_undoes_encode(boxes):
    anchors = np.tile(boxes_of((60, 80, 40, 30)), (len(boxes), 1))
    decoded = decode_boxes(encode_boxes(boxes, anchors), anchors)
    assert decoded == pytest.approx(boxes, rel=1e-4, abs=1e-2)


def test_encode_boxes_names_a_box_without_area():
    flat = boxes_of((0, 0, 5, 5), (3, 3, 3, 9))
    with pytest.raises(DataError, match=r"box 1 cannot be encoded: \[3.0, 3.0, 3.0, 9.0\]"):
        encode_boxes(flat, boxes_of((5, 5, 5, 5), (5, 5, 5, 5)))


def test_clip_boxes_takes_height_first():
    assert clip_boxes(boxes_of((-5, -5, 500, 500)), (30, 40)).tolist() == [[0, 0, 40, 30]]


@pytest.mark.parametrize(
    ("box", "clipped"),
    [
        ((-5, 10, 20, 500), (0, 10, 20, 30)),
        ((3, 4, 5, 6), (3, 4, 5, 6)),
        ((50, 60, 70, 80), (40, 30, 40, 30)),
        ((0.5, -7, 41, -2), (0.5, 0, 40, 0)),
    ],
    ids=["two sides", "inside", "beyond", "above"],
)
def test_clip_boxes_by_hand(box: tuple[float, ...], clipped: tuple[float, ...]) -> None:
    assert clip_boxes(boxes_of(box), (30, 40)).tolist() == [list(clipped)]


@given(some_boxes())
def test_flipping_twice_changes_nothing(boxes):
    twice = flip_boxes_horizontally(flip_boxes_horizontally(boxes, 640), 640)
    assert twice == pytest.approx(boxes, abs=1e-3)


def test_flip_by_hand_leaves_its_argument():
    boxes = boxes_of((10, 1, 30, 2))
    assert flip_boxes_horizontally(boxes, 100).tolist() == [[70, 1, 90, 2]]
    assert boxes.tolist() == [[10, 1, 30, 2]]


def test_resize_boxes_takes_height_first():
    assert resize_boxes(boxes_of((10, 10, 20, 20)), (100, 50), (200, 25)).tolist() == [
        [5, 20, 10, 40]
    ]


@pytest.mark.parametrize(
    "function",
    [
        corner_to_center,
        center_to_corner,
        lambda none: clip_boxes(none, (5, 5)),
        lambda none: encode_boxes(none, none),
        lambda none: decode_boxes(none, none),
        lambda none: flip_boxes_horizontally(none, 5),
        lambda none: resize_boxes(none, (5, 5), (6, 6)),
    ],
    ids=["to center", "to corner", "clip", "encode", "decode", "flip", "resize"],
)
def test_no_boxes_stay_no_boxes(function):
    assert function(NO_BOXES).shape == (0, 4)
