"""Normalised pixels become those of before."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.data.augment.resizing import normalized_planes
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.detection.shown_pixels import shown_pixels

FORMATS = [
    InputFormat((2, 128)),
    InputFormat((2, 128), (0.0, 0.0, 0.0), (1 / 255,) * 3),
    InputFormat((2, 128), (0.5, 0.4, 0.3), (0.1, 0.2, 0.3)),
]


@pytest.mark.parametrize("input_format", FORMATS, ids=["imagenet", "raw", "other"])
def test_every_value_comes_back(input_format):
    pixels = np.arange(256, dtype=np.uint8).reshape(2, 128, 1) + np.uint8([0, 100, 200])
    shown = shown_pixels(normalized_planes(pixels, input_format), input_format)
    assert shown.dtype == np.uint8
    np.testing.assert_array_equal(shown, pixels)


def test_colours_beyond_black_and_white_are_cut():
    planes = np.array([-9.0, 9.0, 0.0], np.float32).reshape(3, 1, 1)
    assert shown_pixels(planes, FORMATS[0]).tolist() == [[[0, 255, 104]]]
