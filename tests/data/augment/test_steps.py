"""The transforms of the reference detectors against the long way, and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.data.augment.crop import Window
from gluon_ssd.data.augment.policies import POLICIES
from gluon_ssd.data.augment.settings import StepAugmentation
from gluon_ssd.data.augment.step_colors import ColorStep
from gluon_ssd.data.augment.step_crop import Crop
from gluon_ssd.data.augment.steps import (
    StepDraw,
    apply_steps,
    draw_steps,
    move_boxes,
    step_transform,
)
from gluon_ssd.detection.input_format import InputFormat
from tests.data.slow_steps import slow_steps

SIZE_HW = (135, 200)
BOXES = np.array([(30, 20, 110, 100), (75, 45, 165, 120), (150, 15, 180, 40)], np.float32)
NO_BOXES = np.zeros((0, 4), np.float32)
STEP_POLICIES = {
    name: policy.native
    for name, policy in POLICIES.items()
    if isinstance(policy.native, StepAugmentation)
}
NOTHING = StepDraw((), SIZE_HW, (0, 0), None, flip=False)
PLAIN = STEP_POLICIES["hflip"]


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def image(rng):
    rows, columns = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    waves = 127 + 120 * np.sin(rows[..., None] / (9, 14, 30) + columns[..., None] / (20, 11, 6))
    return np.clip(waves + rng.normal(0, 25, (*SIZE_HW, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", STEP_POLICIES)
@pytest.mark.parametrize("resize", ["pil", "linear"])
@pytest.mark.parametrize("size_hw", [(60, 60), (150, 260)], ids=["smaller", "larger"])
def test_pixels_equal_the_long_way(image, rng, name, resize, size_hw):
    settings, input_format = STEP_POLICIES[name], InputFormat(size_hw, resize=resize)
    for _ in range(12):
        draw = draw_steps(rng, BOXES, SIZE_HW, settings)
        fast = apply_steps(image, draw, settings, input_format)
        assert fast.dtype == np.float32 and fast.shape == (3, *size_hw)
        if resize == "linear" and settings.colors in ("jitter", "twist"):
            # A value half-way between two levels may be rounded to either before the colours.
            continue
        slow = slow_steps(image, draw, settings, input_format)
        levels = np.abs(fast - slow) * np.array(input_format.std)[:, None, None] * 255
        if settings.colors == "twist":
            # One map instead of several rounds a few values to the next level.
            assert levels.max() < 1.01 and levels.mean() < 1e-3
        else:
            assert levels.max() < 0.02


def test_colors_after_an_unrounded_resize_start_from_whole_levels(image):
    settings = STEP_POLICIES["ssd300_pil"]
    input_format = InputFormat((150, 260), (0, 0, 0), (1, 1, 1), "linear")
    bright = replace(NOTHING, colors=(ColorStep("brightness", 1.1),))
    plain = 255 * apply_steps(image, NOTHING, settings, input_format)
    expected = np.clip(np.floor(np.float32(1.1) * np.rint(plain)), 0, 255)
    found = 255 * apply_steps(image, bright, settings, input_format)
    # The way back from normalised values misses ties.
    assert (np.abs(found - expected) > 0.01).mean() < 0.01


def test_boxes_follow_their_pixels(rng):
    """White on black: where the box is after the transform, there is the white."""
    scene = np.zeros((*SIZE_HW, 3), np.uint8)
    box = np.array([(60, 30, 130, 95)], np.float32)
    scene[30:95, 60:130] = 255
    shown = InputFormat((200, 200), (0, 0, 0), (1, 1, 1), "linear")
    for name in ("ssd300_pil", "ssd300_dali", "hflip", "retinanet_ssd", "retinanet_ssdlite"):
        settings = replace(STEP_POLICIES[name], fill=(0, 0, 0))
        for _ in range(15):
            draw = replace(draw_steps(rng, box, SIZE_HW, settings), colors=())
            pixels = apply_steps(scene, draw, settings, shown)
            ((moved,), _) = move_boxes(box, draw, (200, 200))
            rows, columns = np.nonzero(pixels[0] > 0.5)
            found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            # A pixel of the image, which the crop of "all" is cut to, is up to 5 of the result.
            assert np.abs(moved - found).max() < 6, name


def test_boxes_by_hand():
    crop = Crop(Window(12, 10, 50, 40), (12.5, 10.0, 62.5, 50.0))
    draw = StepDraw((), SIZE_HW, (2, 0), crop, flip=True)
    boxes = np.array([(0, 0, 40, 30), (20, 20, 130, 40), (22, 20, 32, 25)], np.float32)
    moved, kept = move_boxes(boxes, draw, (80, 100))
    # On the canvas 2..42 x 0..30; in the crop 0..29.5 x 0..20; twice as large; mirrored.
    # The second centre, 77, lies outside. The third: 24..34 -> 11.5..21.5 -> 23..43 -> 57..77.
    np.testing.assert_allclose(moved, [(41, 0, 100, 40), (57, 20, 77, 30)])
    assert kept.tolist() == [True, False, True] and moved.dtype == np.float32


def test_the_published_boxes_of_800_pixels():
    # Golden number transform.boxes_800 of MLPerf RetinaNet, of an image of 480 x 640.
    draw = StepDraw((), (480, 640), (0, 0), None, flip=False)
    moved, kept = move_boxes(np.array([(10, 20, 300, 200)], np.float32), draw, (800, 800))
    np.testing.assert_allclose(moved, [(12.5, 33.333332, 375.0, 333.3333)], rtol=1e-6)
    assert kept.tolist() == [True]


def test_the_whole_image_keeps_boxes_whatever_their_centre():
    outside = np.array([(-50, -50, 10, 10)], np.float32)
    moved, kept = move_boxes(outside, NOTHING, SIZE_HW)
    assert moved.tolist() == outside.tolist() and kept.all()


@pytest.mark.parametrize("name", STEP_POLICIES)
def test_images_without_boxes_are_flipped_and_expanded_but_not_cut(image, rng, name):
    for _ in range(5):
        assert draw_steps(rng, NO_BOXES, SIZE_HW, STEP_POLICIES[name]).crop is None
    pixels, boxes, labels = step_transform(
        image,
        NO_BOXES,
        np.zeros(0, np.int32),
        input_format=InputFormat((40, 50), resize="linear"),
        rng=rng,
        augmentation=STEP_POLICIES[name],
    )
    assert pixels.shape == (3, 40, 50) and boxes.shape == (0, 4) and labels.shape == (0,)


@pytest.mark.parametrize("name", STEP_POLICIES)
@pytest.mark.parametrize("size_hw", [(1, 1), (2, 3), (1, 300)], ids=str)
def test_tiny_images_survive(rng, name, size_hw):
    speck = rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    boxes = np.array([(0, 0, size_hw[1], size_hw[0])], np.float32)
    for resize in ("auto", "pil", "linear"):
        for _ in range(10):
            pixels, kept, labels = step_transform(
                speck,
                boxes,
                np.array([3]),
                input_format=InputFormat((32, 32), resize=resize),
                rng=rng,
                augmentation=STEP_POLICIES[name],
            )
            assert np.isfinite(pixels).all() and kept.shape == (1, 4) and labels.tolist() == [3]


def test_arguments_stay_as_they_are_and_a_seed_repeats_the_sample(image):
    before = image.copy(), BOXES.copy()
    first, second = (
        step_transform(
            image,
            BOXES,
            np.arange(3),
            input_format=InputFormat((50, 60), resize="pil"),
            rng=np.random.default_rng((1, 2, 3)),
            augmentation=STEP_POLICIES["retinanet_ssd"],
        )
        for _ in range(2)
    )
    for ours, theirs in zip(first, second, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(BOXES, before[1])


def test_flips_and_canvases_come_as_often_as_asked(rng):
    draws = [draw_steps(rng, BOXES, SIZE_HW, STEP_POLICIES["retinanet_ssd"]) for _ in range(1500)]
    assert 0.46 < np.mean([draw.flip for draw in draws]) < 0.54
    ratios = np.array([draw.canvas_hw[0] / SIZE_HW[0] for draw in draws])
    assert 0.46 < np.mean(ratios > 1) < 0.54
    larger = ratios[ratios > 1]
    assert 2.4 < larger.mean() < 2.6 and larger.max() < 4
    shares = [
        (draw.place_xy[0] / (draw.canvas_hw[1] - 200), draw.place_xy[1] / (draw.canvas_hw[0] - 135))
        for draw in draws
        if draw.canvas_hw[0] > 180
    ]
    np.testing.assert_allclose(np.mean(shares, axis=0), 0.5, atol=0.05)


def test_settings_that_change_nothing_give_the_image_as_evaluation_does(image, rng):
    settings = replace(PLAIN, flip_probability=0.0)
    assert draw_steps(rng, BOXES, SIZE_HW, settings) == NOTHING
    shown = InputFormat(SIZE_HW, (0, 0, 0), (1, 1, 1), "linear")
    pixels = apply_steps(image, NOTHING, settings, shown)
    np.testing.assert_allclose(pixels, image.transpose(2, 0, 1) / 255, rtol=1e-6)
