"""Four pictures in one."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.trials.mosaic import mosaic

SIZE = 40


def picture(label):
    """An image of one value with a brighter square, its box and label."""
    pixels = np.full((3, SIZE, SIZE), float(label), np.float32)
    pixels[:, 10:30, 10:30] = label + 100
    return pixels, np.array([[10, 10, 30, 30]], np.float32), np.array([label], np.int32)


@pytest.mark.parametrize("seed", range(20))
def test_boxes_stay_on_their_objects(seed):
    pixels, boxes, labels = mosaic([picture(n) for n in range(4)], np.random.default_rng(seed))
    assert pixels.shape == (3, SIZE, SIZE) and pixels.dtype == np.float32
    assert len(boxes) == len(labels) and boxes.dtype == np.float32
    assert (boxes >= 0).all() and (boxes <= SIZE).all()
    for (x_min, y_min, x_max, y_max), label in zip(boxes, labels, strict=True):
        middle = pixels[0, int((y_min + y_max) / 2), int((x_min + x_max) / 2)]
        assert middle == pytest.approx(label + 100, abs=0.01)
        assert 10 - 1e-3 <= max(x_max - x_min, y_max - y_min) <= 20 + 1e-3


def test_the_drawn_parts_are_of_different_sizes_and_places():
    drawn = [
        mosaic([picture(n) for n in range(4)], np.random.default_rng(s))[1].tobytes()
        for s in range(8)
    ]
    assert len(set(drawn)) == 8


def test_pictures_without_boxes_make_a_mosaic_without_boxes():
    empty = (picture(0)[0], np.zeros((0, 4), np.float32), np.zeros(0, np.int32))
    _, boxes, labels = mosaic([empty] * 4, np.random.default_rng(0))
    assert boxes.shape == (0, 4) and labels.shape == (0,)
