"""Canvas and crop by hand: the generator's numbers are given, the rest is arithmetic."""

from __future__ import annotations

from unittest.mock import Mock

import numpy as np
import pytest

from gluon_ssd.data.augment.crop import Window, crop_boxes, draw_canvas, draw_crop
from gluon_ssd.data.augment.settings import Augmentation

CANVAS_HW = (200, 100)
NO_BOXES = np.zeros((0, 4), np.float32)


def generator(*draws: object) -> Mock:
    """A generator that gives these arrays, one for each call of random()."""
    return Mock(**{"random.side_effect": [np.array(draw, np.float64) for draw in draws]})


def boxes_of(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32)


# ---- canvas


@pytest.mark.parametrize(
    ("draws", "canvas_hw", "place_xy"),
    [
        ((0.49, 0.5, 0.5, 0.25), (50, 75), (23, 7)),  # 0.5 of 46 and 0.25 of 31 places
        ((0, 0, 0.999, 0.999), (20, 30), (0, 0)),
        ((0, 1, 0, 0), (80, 120), (0, 0)),
        ((0, 1, 0.999, 0.999), (80, 120), (90, 60)),
        ((0.5, 1, 0.5, 0.5), (20, 30), (0, 0)),  # the chance says no
    ],
    ids=["middle", "least", "largest", "last place", "no"],
)
def test_canvas_by_hand(
    draws: tuple[float, ...], canvas_hw: tuple[int, int], place_xy: tuple[int, int]
) -> None:
    settings = Augmentation(expand_probability=0.5, expand_ratio=(1, 4))
    assert draw_canvas(generator(draws), (20, 30), settings) == (canvas_hw, place_xy)


def test_canvas_has_its_least_size_even_where_that_is_above_the_image() -> None:
    settings = Augmentation(expand_probability=1, expand_ratio=(2, 4))
    drawn = draw_canvas(generator((0.99, 0.5, 0, 0)), (20, 30), settings)
    assert drawn == ((60, 90), (0, 0))


# ---- windows: without boxes the last one drawn is taken


@pytest.mark.parametrize(
    ("scale", "aspect", "x", "y", "window"),
    [
        (0, 1 / 3, 0, 0, (0, 0, 50, 100)),  # as wide and high as the canvas would have it
        (0, 1 / 3, 0.5, 0.25, (25, 25, 50, 100)),
        (0, 1 / 3, 0.999, 0.999, (49, 99, 50, 100)),  # never the last place
        (0, 0, 0, 0, (0, 0, 35, 141)),  # half as wide as high: sqrt(1/2) * 50
        (0, 1, 0, 0, (0, 0, 70, 70)),  # twice as wide: sqrt(2) * 50, 100 / sqrt(2)
        (1, 0.7, 0.999, 0.999, (0, 0, 100, 200)),
        (0.5, 0, 0, 0, (0, 0, 56, 200)),  # scale 3/4: the height may not exceed the canvas
        (0.5, 1, 0, 0, (0, 0, 100, 112)),
    ],
    ids="middle place last narrow wide full high broad".split(),
)
def test_windows_by_hand(
    scale: float, aspect: float, x: float, y: float, window: tuple[int, ...]
) -> None:
    settings = Augmentation(crop_scale=(0.5, 1), crop_aspect=2, crop_floors=(0.5,), crop_tries=2)
    draws = np.zeros((4, 3))
    draws[:, 2] = scale, aspect, x, y
    rng = generator(draws, np.zeros(3))
    assert draw_crop(rng, NO_BOXES, CANVAS_HW, settings) == window
    assert [call.args for call in rng.random.call_args_list] == [((4, 3),), (3,)]


@pytest.mark.parametrize("canvas_hw", [(1, 1), (1, 300), (2, 1)], ids=str)
def test_windows_of_a_tiny_canvas_hold_a_pixel_at_least(canvas_hw: tuple[int, int]) -> None:
    settings = Augmentation(crop_scale=(0.1, 1), crop_floors=(), crop_tries=1)
    rng = generator(np.full((4, 1), 0.0), np.zeros(2))
    x, y, width, height = draw_crop(rng, NO_BOXES, canvas_hw, settings)
    assert (x, y) == (0, 0) and 1 <= width <= canvas_hw[1] and 1 <= height <= canvas_hw[0]


# ---- crop: scale 1/2, aspect 1 make windows of 50 x 100 at 100 x and 200 y

HALF = Augmentation(crop_scale=(0.5, 1), crop_floors=(0.5, 0.25), crop_tries=2)
PLACES = [(0, 0), (0.2, 0.1), (0.4, 0.2), (0.6, 0.3), (0.8, 0.4)]
WINDOWS = [(0, 0, 50, 100), (10, 10, 50, 100), (20, 20, 50, 100), (30, 30, 50, 100)]
LAST, FULL = (40, 40, 50, 100), (0, 0, 100, 200)


def crop_of(boxes_px: np.ndarray, order: tuple[float, ...]) -> Window:
    places = np.array(PLACES).T
    draws = np.concatenate([np.zeros((1, 5)), np.full((1, 5), 1 / 3), places])
    return draw_crop(generator(draws, order), boxes_px, CANVAS_HW, HALF)


@pytest.mark.parametrize(
    ("order", "window"),
    [
        ((0, 1, 2, 3), FULL),
        ((1, 0, 2, 3), WINDOWS[1]),  # the first of floor 0.5 that reaches it
        ((1, 2, 0, 3), WINDOWS[2]),  # the first of floor 0.25
        ((3, 2, 1, 0), LAST),
    ],
    ids=["full", "high floor", "low floor", "unconstrained"],
)
def test_candidates_are_chosen_by_the_lowest_draw(
    order: tuple[float, ...], window: tuple[int, ...]
) -> None:
    # IoU with windows 0 and 1: 2625 / 7375 and 3825 / 6175; its centre is the last one's corner.
    box = boxes_of((15, 25, 65, 125))
    assert crop_of(box, order) == window


def test_a_floor_is_reached_by_an_equal_overlap() -> None:
    # The right half of window 0: its IoU is 1/2 exactly; with window 1 it is less than 1/4.
    half = boxes_of((0, 0, 25, 100))
    assert crop_of(half, (9, 0, 5, 5)) == WINDOWS[0]


@pytest.mark.parametrize(
    ("left", "window"), [(35, WINDOWS[1]), (36, WINDOWS[2])], ids=["half", "less than half"]
)
def test_overlaps_are_relative_to_both_areas(left: int, window: tuple[int, ...]) -> None:
    # The right part of window 1; with windows 0 and 2 the IoU is less than 1/2.
    assert crop_of(boxes_of((left, 10, 60, 110)), (9, 0, 5, 5)) == window


def test_a_window_without_success_is_no_candidate() -> None:
    # No window reaches a quarter of it, so there are two candidates and two draws that count.
    small = boxes_of((45, 45, 55, 55))
    assert crop_of(small, (1, 0, 0, 0)) == LAST
    assert crop_of(small, (0, 1, 0, 0)) == FULL


def test_every_box_has_to_reach_the_floor() -> None:
    fits, misses = (0, 0, 50, 100), (0, 100, 50, 200)
    assert crop_of(boxes_of(fits), (9, 0, 1, 2)) == WINDOWS[0]
    assert crop_of(boxes_of(fits, misses), (9, 0, 1, 2)) == FULL
    assert crop_of(boxes_of(misses, fits), (9, 0, 1, 2)) == FULL


def test_a_candidate_that_keeps_no_box_gives_way_to_the_next() -> None:
    corner = boxes_of((0, 0, 10, 10))  # not in the unconstrained window
    assert crop_of(corner, (1, 0, 9, 9)) == FULL


def test_without_floors_there_are_the_full_canvas_and_one_window() -> None:
    settings = Augmentation(crop_scale=(0.5, 1), crop_floors=(), crop_tries=2)
    box = boxes_of((45, 45, 55, 55))
    draws = np.array([[0], [1 / 3], [0.8], [0.4]])
    assert draw_crop(generator(draws, (1, 0)), box, CANVAS_HW, settings) == LAST
    assert draw_crop(generator(draws, (0, 1)), box, CANVAS_HW, settings) == FULL


def test_the_full_canvas_is_what_is_left_when_no_box_lies_in_it() -> None:
    assert crop_of(boxes_of((900, 900, 950, 950)), (1, 0, 9, 9)) == FULL


# ---- boxes

WINDOW = Window(10, 20, 30, 40)


@pytest.mark.parametrize(
    ("box", "moved"),
    [
        ((15, 25, 20, 50), (5, 5, 10, 30)),
        ((0, 0, 70, 90), (0, 0, 30, 40)),
        ((0, 30, 25, 86), (0, 10, 15, 40)),
        ((5, 25, 15, 35), (0, 5, 5, 15)),  # its centre lies on the left edge
        ((15, 15, 25, 25), (5, 0, 15, 5)),  # on the upper edge
    ],
    ids=["inside", "around", "across", "left edge", "upper edge"],
)
def test_boxes_with_their_centre_inside_are_cut(
    box: tuple[int, ...], moved: tuple[int, ...]
) -> None:
    boxes, kept = crop_boxes(boxes_of(box), WINDOW)
    assert boxes.tolist() == [list(moved)]
    assert (boxes.dtype, kept.tolist()) == (np.float32, [True])


@pytest.mark.parametrize(
    "box",
    [
        (35, 25, 45, 35),
        (15, 55, 25, 65),
        (0, 25, 19, 35),
        (15, 0, 25, 39),
        (20, 30, 20, 40),
        (20, 30, 25, 30),
        (30, 30, 20, 40),
        (60, 70, 70, 80),
    ],
    ids=[
        *("right edge", "lower edge", "left of it", "above it"),
        *("no width", "no height", "inside out", "apart"),
    ],
)
def test_other_boxes_are_dropped(box: tuple[int, ...]) -> None:
    boxes, kept = crop_boxes(boxes_of(box, (15, 25, 20, 50)), WINDOW)
    assert boxes.tolist() == [[5, 5, 10, 30]]
    assert kept.tolist() == [False, True]


def test_no_boxes_stay_no_boxes() -> None:
    boxes, kept = crop_boxes(NO_BOXES, WINDOW)
    assert (boxes.shape, kept.shape) == ((0, 4), (0,))
