"""Shares that DALI draws as whole pixels, and the part of an image that a crop shows, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.data.augment.color import ColorDraw
from gluon_ssd.data.augment.crop import Window
from gluon_ssd.data.augment.transforms import TrainDraw
from gluon_ssd.data.dali.draws import Draws, Geometry, geometry, stack_geometries


def draws(zoom=1.0, paste=(0.0, 0.0), anchor=(0.0, 0.0), shape=(1.0, 1.0), flip=0):
    """Of two images, of which the second is the one in question."""
    values = (zoom, paste, anchor, shape, (1, 1, 1, 0), flip)
    return Draws(*(np.array([np.zeros_like(value), value]) for value in values))


def draw(canvas_hw, place_xy, crop, flip=False):
    return TrainDraw(ColorDraw(), canvas_hw, place_xy, Window(*crop), 1, flip)


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        ({}, draw((40, 100), (0, 0), (0, 0, 100, 40))),
        ({"flip": 1}, draw((40, 100), (0, 0), (0, 0, 100, 40), flip=True)),
        ({"zoom": 0.5}, draw((40, 100), (0, 0), (0, 0, 100, 40))),
        (
            {"zoom": 2.5, "paste": (0.5, 1.0)},
            draw((100, 250), (75, 60), (0, 0, 250, 100)),
        ),
        (
            {"anchor": (0.25, 0.5), "shape": (0.5, 0.25)},
            draw((40, 100), (0, 0), (25, 20, 50, 10)),
        ),
        # At least a pixel, and within the canvas.
        ({"anchor": (0.5, 0.5), "shape": (0, 0)}, draw((40, 100), (0, 0), (50, 20, 1, 1))),
        ({"anchor": (1, 1), "shape": (1, 1)}, draw((40, 100), (0, 0), (99, 39, 1, 1))),
    ],
)
def test_shares_become_pixels_of_the_canvas(drawn, expected):
    assert draws(**drawn).train_draw(1, (40, 100)) == expected


def test_the_whole_image_fills_the_result():
    found = geometry(draw((40, 100), (0, 0), (0, 0, 100, 40)), (40, 100), (20, 25))
    assert found == Geometry((0, 0), (40, 100), (20, 25), (0, 0, 40, 100), (0, 0))


def test_a_crop_within_the_image_is_resized_alone():
    found = geometry(draw((40, 100), (0, 0), (20, 10, 50, 20)), (40, 100), (40, 100))
    assert found == Geometry((10, 20), (20, 50), (40, 100), (0, 0, 20, 50), (0, 0))


def test_a_canvas_around_the_image_leaves_room():
    """An image of 10 × 10 at (20, 10) of a canvas of 40 × 40, which becomes 80 × 80."""
    found = geometry(draw((40, 40), (20, 10), (0, 0, 40, 40)), (10, 10), (80, 80))
    assert found.start == (0, 0) and found.shape == (10, 10) and found.size == (20, 20)
    assert found.roi == (0, 0, 10, 10)
    # Rows 20 to 40 of 80 lie a third into the room of 60, columns 40 to 60 two thirds.
    assert found.place == pytest.approx((20 / 60, 40 / 60))


def test_a_crop_over_the_edge_of_the_image_shows_its_part():
    """The crop begins 5 pixels before the image and ends in its middle."""
    found = geometry(draw((30, 30), (10, 10), (5, 5, 10, 10)), (10, 10), (20, 20))
    assert (found.start, found.shape, found.size) == ((0, 0), (5, 5), (10, 10))
    assert found.place == (1, 1)


def test_edges_between_pixels_of_the_result_move_the_part_that_is_read():
    """A third of the crop is image: 3 1/3 of 10 pixels, which become 3."""
    found = geometry(draw((3, 3), (0, 0), (0, 0, 3, 3)), (1, 1), (10, 10))
    assert (found.shape, found.size, found.place) == ((1, 1), (3, 3), (0, 0))
    assert found.roi == pytest.approx((0, 0, 0.9, 0.9))


def test_an_image_thinner_than_a_pixel_still_has_one():
    found = geometry(draw((100, 100), (99, 0), (0, 0, 100, 100)), (100, 1), (10, 10))
    assert (found.size, found.place) == ((10, 1), (0, 1))


def test_geometries_are_stacked_with_the_types_dali_wants():
    one = Geometry((1, 2), (3, 4), (5, 6), (0.5, 1, 2, 3), (0, 1))
    arrays = stack_geometries([one, one, one])
    assert [array.shape for array in arrays] == [(3, 2), (3, 2), (3, 2), (3, 4), (3, 2)]
    assert [array.dtype for array in arrays] == [np.int32] * 2 + [np.float32] * 3
    assert [array[2].tolist() for array in arrays] == [list(part) for part in one]
