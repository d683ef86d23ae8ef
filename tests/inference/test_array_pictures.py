from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.inference.array_pictures import rgb_of_array

COLORED = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
CLEAR = np.concatenate([COLORED, np.full((2, 4, 1), 7, np.uint8)], axis=2)


def test_rgb_stays_as_it_is():
    assert np.shares_memory(rgb_of_array(COLORED, "rgb"), COLORED)
    np.testing.assert_array_equal(rgb_of_array(COLORED, "rgb"), COLORED)


def test_bgr_is_turned_round():
    np.testing.assert_array_equal(rgb_of_array(COLORED, "bgr")[0, 1], [5, 4, 3])


@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_transparency_is_dropped(color):
    np.testing.assert_array_equal(rgb_of_array(CLEAR, color), rgb_of_array(COLORED, color))


@pytest.mark.parametrize("shape", [(2, 4), (2, 4, 1)])
def test_grey_needs_no_order(shape):
    grey = np.arange(8, dtype=np.uint8).reshape(shape)
    found = rgb_of_array(grey, "")
    assert found.shape == (2, 4, 3)
    np.testing.assert_array_equal(found[1, 2], [6, 6, 6])


@pytest.mark.parametrize("array", [COLORED, CLEAR])
def test_without_the_order_both_are_shown(array):
    with pytest.raises(OptionError, match=r'wrong boxes .* add color="rgb" .* or color="bgr"'):
        rgb_of_array(array, "")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_are_refused_with_the_reason(dtype):
    message = f"must be uint8 .* got {dtype}, whose range would be a guess"
    with pytest.raises(OptionError, match=message):
        rgb_of_array(COLORED.astype(dtype), "rgb")


@pytest.mark.parametrize("dtype", ["int64", "uint16", "bool"])
def test_other_numbers_are_refused(dtype):
    with pytest.raises(OptionError, match=f"must be uint8 .* got {dtype}; convert it"):
        rgb_of_array(COLORED.astype(dtype), "rgb")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 4, 5, 3), r"got shape \(2, 4, 5, 3\); give several as list\(array\)"),
        ((3, 20, 40), r"got shape \(3, 20, 40\); put its channels last"),
        ((5,), r"got shape \(5,\)$"),
        ((5, 4, 2), r"got shape \(5, 4, 2\)$"),
    ],
)
def test_other_shapes_are_refused(shape, message):
    with pytest.raises(OptionError, match=message):
        rgb_of_array(np.zeros(shape, np.uint8), "rgb")


def test_an_array_without_pixels_is_refused():
    with pytest.raises(DataError, match=r"an array of shape \(0, 4, 3\) has no pixels"):
        rgb_of_array(np.zeros((0, 4, 3), np.uint8), "rgb")
