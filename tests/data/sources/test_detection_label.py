from __future__ import annotations

import math

import pytest

from gluon_ssd.data.sources.detection_label import IdObject, NoBoxes, are_pixels, parse_label
from gluon_ssd.errors import DataError

BOX = (0.1, 0.2, 0.5, 0.9)


@pytest.mark.parametrize(
    ("numbers", "difficult", "size_hw"),
    [
        ([2, 5, 1, *BOX], False, None),
        ([2, 6, 1, *BOX, 1], True, None),
        ([2, 6, 1, *BOX, 0], False, None),
        ([2, 8, 1, *BOX, 1, 7, 7], True, None),
        ([4, 5, 80, 60, 1, *BOX], False, (60, 80)),
        ([4, 6, 80.5, 60, 1, *BOX, 1], True, None),
        ([5, 5, 80, 60, 3, 1, *BOX], False, (60, 80)),
        ([3, 480, 640, 7, 2, 5, 1, *BOX], False, None),
        ([3, 480, 640, 8, 2, 6, 1, *BOX, 1], True, None),
        ([3, 480, 640, 7, 2, 5, 1, *BOX, -1, -1, -1], False, None),
        ([2, 5, 1, *BOX, -1, -1, -1, -1, -1], False, None),
    ],
)
def test_every_width_of_header_and_object(numbers, difficult, size_hw):
    label = parse_label(numbers, "here")
    assert label.objects == (IdObject(1, BOX, difficult),)
    assert label.size_hw == size_hw


@pytest.mark.parametrize("numbers", [[2, 5], [4, 5, 80, 60], [2, 6, -1, -1, -1, -1, -1, -1]])
def test_an_image_may_have_no_object(numbers):
    assert parse_label(numbers, "here").objects == ()


@pytest.mark.parametrize("numbers", [[], [3]])
def test_one_number_is_no_detection_label(numbers):
    with pytest.raises(NoBoxes, match="here has one number as its label and no box, .*pack-label"):
        parse_label(numbers, "here")


@pytest.mark.parametrize(
    "numbers",
    [
        [2, 5, 1, *BOX[:2]],
        [2, 5, 1, *BOX, 1],
        [2, 4, *BOX],
        [1, 5, 1, *BOX],
        [9, 5, 1, *BOX],
        [2.5, 5, 1, *BOX],
        [2, math.nan, 1, *BOX],
        [math.inf, 5, 1, *BOX],
        [-2, 5, 1, *BOX],
        [3, 480, 640, 99, 2, 5, 1, *BOX],
    ],
)
def test_half_a_box_and_the_like(numbers):
    with pytest.raises(DataError, match=rf"here has no detection label: its {len(numbers)} num"):
        parse_label(numbers, "here")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ([1.5, *BOX], "object 1 has the class id 1.5"),
        ([math.nan, *BOX], "object 1 has the class id nan"),
        ([1e30, *BOX], r"object 1 has the class id 1e\+30"),
        ([1, math.nan, 0, 1, 1], r"object 1 has the corners \(nan, 0, 1, 1\)"),
        ([1, 0, 0, math.inf, 1], "object 1 has the corners"),
    ],
)
def test_numbers_that_are_none(item, message):
    with pytest.raises(DataError, match=message):
        parse_label([2, 5, *item], "here")


def test_pixels_are_told_by_most_boxes():
    fractions = parse_label([2, 5, 0, 0.1, 0.1, 0.9, 0.9, 0, -0.2, 0, 1.3, 1], "a")
    pixels = parse_label([2, 5, 0, 4, 5, 90, 80], "b")
    assert not are_pixels([fractions, pixels]) and not are_pixels([])
    assert are_pixels([pixels]) and are_pixels([pixels, parse_label([2, 5], "c")])
