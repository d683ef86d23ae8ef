"""Pixels as JPEG."""

from __future__ import annotations

import os

import numpy as np
import pytest

from gluon_ssd.data.images import read_image
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.inference.outputs.jpeg import write_jpeg


def test_pixels_come_back_with_their_colors(tmp_path):
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[..., 0] = 200
    write_jpeg(tmp_path / "new" / "a.jpg", pixels)
    assert np.abs(read_image(tmp_path / "new" / "a.jpg").astype(int) - pixels).max() < 6


def test_a_picture_that_is_too_long_is_named(tmp_path):
    with pytest.raises(
        EnvironmentProblem, match="at most 65500 pixels a side, the picture is 6550"
    ):
        write_jpeg(tmp_path / "a.jpg", np.zeros((1, 65501, 3), np.uint8))
    assert os.listdir(tmp_path) == []
