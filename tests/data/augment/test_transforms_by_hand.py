"""The transforms on images of a few pixels, worked out by hand."""

from __future__ import annotations

from unittest.mock import Mock

import cv2
import numpy as np
import pytest

from gluon_ssd.data.augment.color import ColorDraw
from gluon_ssd.data.augment.crop import Window
from gluon_ssd.data.augment.settings import Augmentation
from gluon_ssd.data.augment.transforms import (
    TrainDraw,
    apply_train,
    draw_train,
    eval_transform,
    train_transform,
    transform_boxes,
)
from gluon_ssd.detection.input_format import InputFormat

# 3 x 4 pixels with levels 1 to 12; green has ten times as much, blue is white.
LEVELS = np.arange(1, 13).reshape(3, 4)
IMAGE = np.stack([LEVELS, 10 * LEVELS, np.full((3, 4), 255)], axis=2).astype(np.uint8)
# The levels again, so that they can be read off.
AS_LEVELS = {"mean": (0, 0, 0), "std": (1 / 255,) * 3}
PLAIN = TrainDraw(ColorDraw(), (3, 4), (0, 0), Window(0, 0, 4, 3), interpolation=0, flip=False)
NEAREST = 0


def drawn(**changes: object) -> TrainDraw:
    return TrainDraw(**{**vars(PLAIN), **changes})


def pixels_of(draw: TrainDraw, size_hw: tuple[int, int], **normalisation: object) -> np.ndarray:
    return apply_train(IMAGE, draw, InputFormat(size_hw, **{**AS_LEVELS, **normalisation}))


def evaluated(image: object, size_hw: tuple[int, int], **normalisation: object) -> np.ndarray:
    image = np.array(image, np.uint8)[..., None].repeat(3, axis=2)
    return eval_transform(image, InputFormat(size_hw, **{**AS_LEVELS, **normalisation}))


# ---- training


def test_nothing_drawn_changes_nothing() -> None:
    pixels = pixels_of(PLAIN, (3, 4))
    np.testing.assert_allclose(pixels, IMAGE.transpose(2, 0, 1), rtol=1e-6)
    assert pixels.dtype == np.float32


def test_a_flip_mirrors_left_to_right() -> None:
    pixels = pixels_of(drawn(flip=True), (3, 4))
    np.testing.assert_allclose(pixels, IMAGE[:, ::-1].transpose(2, 0, 1), rtol=1e-6)


def test_pixels_are_normalised_by_channel() -> None:
    pixels = pixels_of(PLAIN, (3, 4), mean=(0, 0, 0.5), std=(1, 0.5, 0.25))
    np.testing.assert_allclose(pixels[0], LEVELS / 255, rtol=1e-5)
    np.testing.assert_allclose(pixels[1], LEVELS * 10 / 255 / 0.5, rtol=1e-5)
    np.testing.assert_allclose(pixels[2], 2, rtol=1e-5)


@pytest.mark.parametrize(
    "window",
    [
        (0, 0, 9, 6),
        (0, 0, 3, 2),
        (5, 3, 4, 3),
        (2, 1, 4, 3),
        (3, 2, 2, 1),
        (0, 2, 9, 1),
        (3, 0, 1, 6),
        (1, 0, 3, 4),
        (4, 2, 5, 4),
        (0, 1, 2, 3),
        (6, 1, 3, 3),
        (2, 0, 4, 1),
        (2, 4, 4, 2),
    ],
    ids=[
        *("all", "upper left", "lower right", "image", "inside", "row", "column"),
        *("over upper left", "over lower right", "left", "right", "above", "below"),
    ],
)
def test_a_crop_shows_image_and_canvas(window: tuple[int, ...]) -> None:
    canvas = np.zeros((6, 9))
    canvas[1:4, 2:6] = LEVELS
    x, y, width, height = window
    draw = drawn(canvas_hw=(6, 9), place_xy=(2, 1), crop=Window(*window))
    pixels = pixels_of(draw, (height, width))
    np.testing.assert_allclose(pixels[0], canvas[y : y + height, x : x + width], rtol=1e-6)


def test_the_canvas_has_the_mean_color_and_colors_leave_it_alone() -> None:
    draw = drawn(
        color=ColorDraw(brightness=5, contrast=2),
        canvas_hw=(3, 5),
        place_xy=(1, 0),
        crop=Window(0, 0, 5, 3),
    )
    pixels = pixels_of(draw, (3, 5), mean=(4 / 255, 0, 0))
    np.testing.assert_array_equal(pixels[:, :, 0], np.zeros((3, 3)))
    np.testing.assert_allclose(pixels[0, :, 1:], 2 * (LEVELS + 5) - 4, rtol=1e-5)


def test_a_crop_is_stretched_to_the_input() -> None:
    pixels = pixels_of(drawn(crop=Window(1, 1, 2, 1)), (2, 6))
    np.testing.assert_allclose(pixels[0], [[6, 6, 6, 7, 7, 7]] * 2, rtol=1e-6)


def test_boxes_are_moved_cut_stretched_and_mirrored_with_their_pixels() -> None:
    draw = drawn(canvas_hw=(60, 90), place_xy=(20, 10), crop=Window(30, 5, 40, 20))
    boxes = np.array([(15, 0, 30, 10), (0, 0, 9, 9), (5, -20, 70, 10)], np.float32)
    # On the canvas 35..50 x 10..20, in the window 5..20 x 5..15; the second lies left of it, the
    # third, 25..90 x -10..20, is centred at (57.5, 5) and cut to the window.
    moved, kept = transform_boxes(boxes, draw, (60, 80))
    assert moved.tolist() == [[10, 15, 40, 45], [0, 0, 80, 45]]
    assert kept.tolist() == [True, False, True]
    mirrored, _ = transform_boxes(boxes, drawn(**{**vars(draw), "flip": True}), (60, 80))
    assert mirrored.tolist() == [[40, 15, 70, 45], [0, 0, 80, 45]]


def test_boxes_beside_the_image_stay_uncut() -> None:
    draw = drawn(canvas_hw=(6, 9), place_xy=(2, 1), crop=Window(0, 0, 9, 6))
    boxes, kept = transform_boxes(np.array([(88, 59, 97, 65)], np.float32), draw, (12, 27))
    assert (boxes.tolist(), kept.tolist()) == ([[270, 120, 297, 132]], [True])


def test_labels_stay_beside_the_boxes_that_stay() -> None:
    never = Augmentation(
        color_probability=0, expand_probability=0, flip_probability=0, crop_floors=(), crop_tries=1
    )
    # One canvas of its own size, one window of half its sides at the right end, which is chosen.
    rng = Mock()
    rng.random.side_effect = [
        np.zeros((2, 4)),
        np.zeros(4),
        np.array([[2 / 7], [1 / 3], [0.999], [0.999]]),
        np.array([1.0, 0.0]),
        0.5,
    ]
    rng.integers.return_value = NEAREST
    image = np.zeros((40, 60, 3), np.uint8)
    boxes = np.array([(0, 0, 10, 10), (40, 30, 50, 40)], np.float32)
    _, moved, labels = train_transform(
        image,
        boxes,
        np.array([7, 8]),
        input_format=InputFormat((40, 60)),
        rng=rng,
        augmentation=never,
    )
    # The window is (29, 19) to (59, 39).
    assert labels.tolist() == [8]
    np.testing.assert_allclose(moved, [[22, 22, 42, 40]])


# ---- drawing


def draw_of(flip: float, box: tuple[int, ...], order: tuple[float, ...]) -> TrainDraw:
    """Twice the canvas with the image in its lower right; a window of half of that, upper left."""
    settings = Augmentation(
        color_probability=0.5,
        expand_probability=0.5,
        expand_ratio=(1, 3),
        crop_scale=(0.5, 1),
        crop_floors=(),
        crop_tries=1,
        flip_probability=0.25,
    )
    rng = Mock()
    rng.random.side_effect = [
        np.array([[0, 1, 1, 1], [1, 1, 1, 1]]),
        np.array([0, 0.5, 0.999, 0.999]),
        np.array([[0], [1 / 3], [0], [0]]),
        np.array(order),
        flip,
    ]
    rng.integers.side_effect = lambda count: count - 1
    return draw_train(rng, np.array([box], np.float32), (40, 60), settings)


def test_a_sample_is_drawn_in_order() -> None:
    draw = draw_of(flip=0.2, box=(0, 0, 60, 40), order=(0.0, 1.0))
    assert draw == TrainDraw(
        ColorDraw(brightness=32.0), (80, 120), (60, 40), Window(0, 0, 120, 80), 4, True
    )


@pytest.mark.parametrize(("number", "flip"), [(0.0, True), (0.24, True), (0.25, False)])
def test_a_flip_falls_below_its_probability(number: float, flip: bool) -> None:
    assert draw_of(number, (0, 0, 60, 40), (0.0, 1.0)).flip is flip


def test_the_crop_looks_at_boxes_where_they_lie_on_the_canvas() -> None:
    # The window (0, 0, 60, 40) comes first, but the box lies at (60, 40) and further.
    assert draw_of(0, (0, 0, 10, 10), (1.0, 0.0)).crop == Window(0, 0, 120, 80)
    assert draw_of(0, (-60, -40, -40, -20), (1.0, 0.0)).crop == Window(0, 0, 60, 40)


# ---- evaluation


@pytest.mark.parametrize(
    ("image", "size_hw", "expected"),
    [
        ([[0, 255]], (1, 4), [[0, 64, 191, 255]]),
        ([[0], [255]], (4, 1), [[0], [64], [191], [255]]),
        ([[0, 100, 200, 40]], (1, 1), [[150]]),
        ([[0], [100], [200], [40]], (1, 1), [[150]]),
        ([[0, 100, 200, 40]] * 2, (1, 1), [[85]]),
        ([[0, 100, 200, 40]] * 2, (3, 1), [[150]] * 3),
        ([[7, 9]], (1, 2), [[7, 9]]),
    ],
    ids=["wider", "higher", "narrower", "lower", "smaller", "higher and narrower", "same"],
)
def test_evaluation_averages_what_shrinks_and_is_linear_in_between(
    image: list, size_hw: tuple[int, int], expected: list
) -> None:
    pixels = evaluated(image, size_hw)
    assert pixels.shape == (3, *size_hw) and pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, [expected] * 3, rtol=1e-6)


def test_evaluation_is_cubic_where_both_sides_grow() -> None:
    image = np.array([(0, 200, 40), (90, 10, 250)], np.uint8)
    expected = cv2.resize(image, (5, 4), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(evaluated(image, (4, 5))[1], expected, rtol=1e-6)


def test_evaluation_normalises_by_channel() -> None:
    pixels = evaluated([[0, 51]], (1, 2), mean=(0, 0.2, 0.4), std=(0.1, 0.2, 0.5))
    np.testing.assert_allclose(pixels, [[[0, 2]], [[-1, 0]], [[-0.8, -0.4]]], atol=1e-6)


def test_both_transforms_use_the_statistics_of_imagenet_by_default() -> None:
    white = np.full((1, 1, 3), 255, np.uint8)
    expected = ((1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225)
    draw = drawn(canvas_hw=(1, 1), crop=Window(0, 0, 1, 1))
    np.testing.assert_allclose(
        eval_transform(white, InputFormat((1, 1))).ravel(), expected, rtol=1e-5
    )
    np.testing.assert_allclose(
        apply_train(white, draw, InputFormat((1, 1))).ravel(), expected, rtol=1e-5
    )
