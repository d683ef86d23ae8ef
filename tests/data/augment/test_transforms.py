"""The fused transform against the long way, its random draws against GluonCV's own."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.data.augment.color import ColorDraw, color_matrix, draw_color
from gluon_ssd.data.augment.crop import Window, crop_boxes, draw_canvas, draw_crop
from gluon_ssd.data.augment.policies import POLICIES
from gluon_ssd.data.augment.settings import Augmentation
from gluon_ssd.data.augment.transforms import (
    TrainDraw,
    apply_train,
    draw_train,
    eval_transform,
    train_transform,
    transform_boxes,
)
from gluon_ssd.detection.boxes import iou_matrix
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD
from gluon_ssd.errors import OptionError
from tests.data.slow_transforms import slow_colors, slow_train

MEAN_STD = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
LEGACY = Augmentation()
BOXES = np.array([(60, 40, 220, 200), (150, 90, 330, 240), (300, 30, 360, 80)], np.float32)
SIZE_HW = (270, 400)
NO_BOXES = np.zeros((0, 4), np.float32)


@pytest.fixture
def rng():
    return np.random.default_rng(233)


@pytest.fixture
def image(rng):
    """Smooth shapes under noise: every kind of edge that resampling can meet."""
    rows, columns = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    waves = 127 + 100 * np.sin(rows[..., None] / (9, 14, 30) + columns[..., None] / (20, 11, 6))
    return np.clip(waves + rng.normal(0, 25, (*SIZE_HW, 3)), 0, 255).astype(np.uint8)


# ---- pixels


@pytest.mark.parametrize("interpolation", range(5), ids="nearest linear cubic area lanczos".split())
@pytest.mark.parametrize("size_hw", [(96, 120), (300, 300)], ids=str)
def test_train_pixels_equal_the_long_way(image, rng, interpolation, size_hw):
    for number in range(12):
        draw = draw_train(rng, BOXES, SIZE_HW, LEGACY)
        draw = replace(draw, interpolation=interpolation)
        fast = apply_train(image, draw, InputFormat(size_hw))
        slow = slow_train(
            image, draw, input_size_hw=size_hw, contrast_first=number % 2 == 0, **MEAN_STD
        )
        assert fast.dtype == np.float32 and fast.shape == (3, *size_hw)
        # A tenth of one grey level (1/255/std is 0.017).
        np.testing.assert_allclose(fast, slow, atol=0.002)


def test_colors_leave_the_range_unclipped(image):
    draw = TrainDraw(
        ColorDraw(brightness=32, contrast=1.5, saturation=1.5, hue=2.0),
        SIZE_HW,
        (0, 0),
        Window(0, 0, 400, 270),
        interpolation=1,
        flip=False,
    )
    pixels = apply_train(image, draw, InputFormat(SIZE_HW))
    levels = (pixels * np.array(IMAGENET_STD)[:, None, None]) * 255
    levels += np.array(IMAGENET_MEAN)[:, None, None] * 255
    assert levels.min() < -50 and levels.max() > 330


def test_canvas_is_zero_and_keeps_its_color(image):
    draw = TrainDraw(
        ColorDraw(brightness=30, contrast=0.5),
        (540, 800),
        (400, 270),
        Window(0, 0, 800, 540),
        1,
        False,
    )
    pixels = apply_train(image, draw, InputFormat((270, 400)))
    assert not pixels[:, :134].any() and not pixels[:, :, :199].any()
    assert pixels[:, 140:, 210:].any(axis=0).mean() > 0.99


def test_crop_beside_the_image_is_all_canvas(image):
    draw = TrainDraw(ColorDraw(hue=1.0), (540, 800), (400, 270), Window(10, 10, 100, 90), 2, True)
    assert not apply_train(image, draw, InputFormat((50, 60))).any()


@pytest.mark.parametrize("contrast_first", [True, False])
def test_color_matrix_equals_its_steps(rng, contrast_first):
    pixels = rng.uniform(0, 255, (50, 1, 3))
    for _ in range(40):
        draw = draw_color(rng, LEGACY)
        matrix = color_matrix(draw)
        expected = slow_colors(pixels, draw, contrast_first=contrast_first)
        np.testing.assert_allclose(pixels @ matrix[:, :3].T + matrix[:, 3], expected, atol=1e-9)


def test_no_color_step_is_the_identity():
    np.testing.assert_array_equal(color_matrix(ColorDraw()), np.eye(3, 4))


def test_train_image_equals_gluoncv_for_the_same_draw(image, monkeypatch):
    """With its coins fixed: brighter by 20, no canvas, a given crop, cubic, flipped."""
    from gluoncv.data.transforms import experimental
    from gluoncv.data.transforms.presets import ssd

    crop = Window(31, 22, 250, 140)
    draw = TrainDraw(ColorDraw(brightness=20.0), SIZE_HW, (0, 0), crop, interpolation=2, flip=True)
    bright = lambda source: source.astype("float32") + 20.0  # noqa: E731
    monkeypatch.setattr(experimental.image, "random_color_distort", bright)
    monkeypatch.setattr(
        experimental.bbox,
        "random_crop_with_constraints",
        lambda boxes, size: (crop_boxes(boxes[:, :4], crop)[0], tuple(crop)),
    )
    monkeypatch.setattr(np.random, "uniform", lambda *_: 0.2)
    monkeypatch.setattr(np.random, "randint", lambda *_: 2)
    monkeypatch.setattr(np.random, "choice", lambda _, p: p[1] > 0)
    theirs, their_boxes = ssd.SSDDefaultTrainTransform(200, 160)(mx.nd.array(image), BOXES)
    boxes, _ = transform_boxes(BOXES, draw, (160, 200))
    ours = apply_train(image, draw, InputFormat((160, 200)))
    np.testing.assert_allclose(ours, theirs.asnumpy(), atol=0.002)
    np.testing.assert_allclose(boxes, their_boxes, atol=1e-3)


@pytest.mark.parametrize(
    "size_hw",
    [(300, 300), (512, 512), (200, 200), (270, 400), (300, 200)],
    ids=["taller only", "cubic", "area", "same size", "narrower only"],
)
def test_eval_pixels_equal_gluoncv(image, size_hw):
    from gluoncv.data.transforms.presets.ssd import SSDDefaultValTransform

    theirs = SSDDefaultValTransform(size_hw[1], size_hw[0])(
        mx.nd.array(image, dtype="uint8"), BOXES
    )
    ours = eval_transform(image, InputFormat(size_hw))
    assert ours.dtype == np.float32 and ours.shape == (3, *size_hw)
    levels = np.array(IMAGENET_STD)[:, None, None] * 255
    # One grey level apart in a few pixels, where two builds of OpenCV round differently.
    assert np.abs((ours - theirs[0].asnumpy()) * levels).max() <= 1.001
    assert np.abs((ours - theirs[0].asnumpy()) * levels).mean() < 0.05


# ---- boxes


def test_transform_boxes_by_hand():
    draw = TrainDraw(ColorDraw(), (400, 600), (100, 50), Window(150, 60, 200, 100), 1, flip=True)
    boxes = np.array([(60, 20, 150, 80), (0, 0, 101, 40), (0, 0, 99, 40)], np.float32)
    moved, kept = transform_boxes(boxes, draw, (200, 200))
    # On the canvas 160..250 x 70..130, in the crop 10..100 x 10..70, scaled by (1, 2), mirrored;
    # the second box has its centre just inside, the third just outside.
    assert moved.tolist() == [[100, 20, 190, 140], [149, 0, 200, 60]]
    assert kept.tolist() == [True, True, False]


def test_boxes_follow_their_pixels(rng):
    """White rectangles on black: where the box is after the transform, there is the white."""
    scene = np.zeros((*SIZE_HW, 3), np.uint8)
    box = np.array([(120, 60, 260, 190)], np.float32)
    scene[60:190, 120:260] = 255
    for _ in range(30):
        draw = replace(draw_train(rng, box, SIZE_HW, LEGACY), color=ColorDraw(), interpolation=1)
        pixels = apply_train(scene, draw, InputFormat((200, 200), (0, 0, 0), (1, 1, 1)))
        (moved,), _ = transform_boxes(box, draw, (200, 200))
        rows, columns = np.nonzero(pixels[0] > 0.5)
        found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert np.abs(moved - found).max() < 1.5


def test_train_transform_without_boxes(image, rng):
    none = np.zeros(0, np.int32)
    for _ in range(10):
        pixels, boxes, labels = train_transform(
            image, NO_BOXES, none, input_format=InputFormat((64, 64)), rng=rng, augmentation=LEGACY
        )
        assert pixels.shape == (3, 64, 64) and np.isfinite(pixels).all()
        assert boxes.shape == (0, 4) and labels.shape == (0,)


def test_train_transform_keeps_labels_beside_boxes_and_arguments_alone(image, rng):
    labels = np.array([3, 4, 5], np.int32)
    before = image.copy(), BOXES.copy()
    counts = []
    for _ in range(40):
        _, boxes, kept = train_transform(
            image, BOXES, labels, input_format=InputFormat((300, 300)), rng=rng, augmentation=LEGACY
        )
        assert len(boxes) == len(kept) >= 1 and set(kept) <= {3, 4, 5}
        assert (boxes >= 0).all() and (boxes <= 300).all()
        assert (boxes[:, :2] < boxes[:, 2:]).all()
        counts.append(len(kept))
    assert set(counts) == {1, 2, 3}
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(BOXES, before[1])


def test_boxes_beside_the_image_all_stay(rng):
    outside = np.array([(900, 900, 950, 950)], np.float32)
    draw = replace(draw_train(rng, outside, SIZE_HW, LEGACY), flip=False)
    assert draw.crop == Window(0, 0, draw.canvas_hw[1], draw.canvas_hw[0])
    assert transform_boxes(outside, draw, (300, 300))[1].tolist() == [True]


def test_same_seed_same_sample(image):
    first, second = (
        train_transform(
            image,
            BOXES,
            np.arange(3),
            input_format=InputFormat((80, 80)),
            rng=np.random.default_rng((1, 2, 3)),
            augmentation=LEGACY,
        )
        for _ in range(2)
    )
    for ours, theirs in zip(first, second, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("size_hw", [(1, 1), (2, 3), (1, 300)], ids=str)
def test_tiny_images_survive(rng, size_hw):
    speck = rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    boxes = np.array([(0, 0, size_hw[1], size_hw[0])], np.float32)
    for _ in range(20):
        pixels, kept, _ = train_transform(
            speck,
            boxes,
            np.zeros(1, np.int32),
            input_format=InputFormat((32, 32)),
            rng=rng,
            augmentation=LEGACY,
        )
        assert np.isfinite(pixels).all() and len(kept) == 1


# ---- distributions


def ks_distance(ours, theirs):
    """Largest gap between two empirical distribution functions."""
    values = np.sort(np.concatenate([ours, theirs]))
    return np.abs(
        np.searchsorted(np.sort(ours), values, "right") / len(ours)
        - np.searchsorted(np.sort(theirs), values, "right") / len(theirs)
    ).max()


NUM_DRAWS = 600
# The two-sample bound at a level of 1 in 10,000: sqrt(-ln(0.00005) / 2) * sqrt(2 / NUM_DRAWS).
KS_BOUND = 2.226 * (2 / NUM_DRAWS) ** 0.5


@pytest.mark.parametrize("boxes", [BOXES, BOXES[:1], NO_BOXES], ids=["three", "one", "none"])
def test_crops_are_distributed_as_gluoncv_draws_them(boxes):
    from gluoncv.data.transforms.experimental.bbox import random_crop_with_constraints

    rng = np.random.default_rng(7)
    random.seed(7)
    ours, theirs = [], []
    for _ in range(NUM_DRAWS):
        window = draw_crop(rng, boxes, SIZE_HW, LEGACY)
        ours.append((*window, crop_boxes(boxes, window)[1].sum()))
        kept, crop = random_crop_with_constraints(boxes, SIZE_HW[::-1])
        theirs.append((*crop, len(kept)))
    ours, theirs = np.array(ours, float).T, np.array(theirs, float).T
    for values in (
        lambda crop: crop[0],
        lambda crop: crop[1],
        lambda crop: crop[2] * crop[3],
        lambda crop: crop[2] / crop[3],
        lambda crop: crop[4],
    ):
        assert ks_distance(values(ours), values(theirs)) < KS_BOUND


def test_canvases_are_distributed_as_gluoncv_draws_them():
    from gluoncv.data.transforms.image import random_expand

    rng = np.random.default_rng(7)
    random.seed(7)
    always = Augmentation(expand_probability=1.0)
    source = mx.nd.zeros((20, 30, 3))
    ours, theirs = [], []
    for _ in range(NUM_DRAWS):
        (height, width), (x, y) = draw_canvas(rng, (20, 30), always)
        ours.append((x, y, width, height))
        theirs.append(random_expand(source)[1])
    for mine, other in zip(np.array(ours).T, np.array(theirs).T, strict=True):
        assert ks_distance(mine, other) < KS_BOUND


def test_colors_are_distributed_as_gluoncv_draws_them():
    """Compared on what becomes of three colours when all steps are drawn."""
    from gluoncv.data.transforms.experimental.image import random_color_distort

    rng = np.random.default_rng(7)
    random.seed(7)
    colors = np.array([[(200, 40, 90), (10, 120, 60), (128, 128, 128)]], np.float32)
    ours, theirs = [], []
    for _ in range(NUM_DRAWS):
        matrix = color_matrix(draw_color(rng, LEGACY))
        ours.append((colors[0] @ matrix[:, :3].T + matrix[:, 3]).ravel())
        theirs.append(random_color_distort(mx.nd.array(colors)).asnumpy().ravel())
    # Untouched colours come out a hair apart in the two; rounding puts them on one value.
    ours, theirs = np.round(np.array(ours), 2), np.round(np.array(theirs), 2)
    for mine, other in zip(ours.T, theirs.T, strict=True):
        assert ks_distance(mine, other) < KS_BOUND


def test_defaults_are_the_documented_ones():
    assert Augmentation() == Augmentation(
        hue=3240,
        color_probability=0.5,
        brightness=32,
        contrast=(0.5, 1.5),
        saturation=(0.5, 1.5),
        expand_probability=0.5,
        expand_ratio=(1, 4),
        crop_scale=(0.3, 1),
        crop_aspect=2,
        crop_floors=(0.1, 0.3, 0.5, 0.7, 0.9),
        crop_tries=50,
        flip_probability=0.5,
    )


def test_drawn_amounts_fill_their_ranges(rng):
    draws = [draw_color(rng, LEGACY) for _ in range(2000)]
    for name, low, high in (
        ("brightness", -32, 32),
        ("contrast", 0.5, 1.5),
        ("saturation", 0.5, 1.5),
    ):
        amounts = [getattr(draw, name) for draw in draws if getattr(draw, name) is not None]
        hundredth = (high - low) / 100
        assert low <= min(amounts) < low + hundredth
        assert high - hundredth < max(amounts) <= high
        assert np.mean(amounts) == pytest.approx((low + high) / 2, abs=4 * hundredth)


def test_coins_fall_as_often_as_documented(rng):
    draws = [draw_train(rng, BOXES, SIZE_HW, LEGACY) for _ in range(2000)]
    shares = {
        "brightness": np.mean([draw.color.brightness is not None for draw in draws]),
        "contrast": np.mean([draw.color.contrast is not None for draw in draws]),
        "saturation": np.mean([draw.color.saturation is not None for draw in draws]),
        "hue": np.mean([draw.color.hue is not None for draw in draws]),
        "expand": np.mean([draw.canvas_hw != SIZE_HW for draw in draws]),
        "flip": np.mean([draw.flip for draw in draws]),
    }
    assert shares == pytest.approx(dict.fromkeys(shares, 0.5), abs=0.045)
    codes = np.bincount([draw.interpolation for draw in draws], minlength=5) / len(draws)
    assert codes == pytest.approx(np.full(5, 0.2), abs=0.04)


def test_legacy_hue_covers_the_circle_and_narrow_hue_does_not(rng):
    def angles(augmentation):
        drawn = [draw_color(rng, augmentation).hue for _ in range(2000)]
        return np.degrees([angle for angle in drawn if angle is not None])

    on_circle = np.histogram(angles(LEGACY) % 360, bins=6, range=(0, 360))[0]
    assert on_circle.min() > 0.7 * on_circle.max()
    narrow = angles(POLICIES["legacy"].with_narrow_hue().native)
    assert -18 <= narrow.min() < -17 and 17 < narrow.max() <= 18


def test_constrained_crop_reaches_its_floor(rng):
    only_high = Augmentation(crop_floors=(0.7,))
    box = np.array([(40, 30, 360, 250)], np.float32)
    reached = 0
    for _ in range(200):
        x, y, width, height = draw_crop(rng, box, SIZE_HW, only_high)
        corners = np.array([(x, y, x + width, y + height)], np.float32)
        reached += iou_matrix(corners, box)[0, 0] >= 0.7
    # The other two candidates, unconstrained and full (0.56), mostly stay below.
    assert 50 <= reached <= 130


def test_wrong_settings_are_named():
    with pytest.raises(OptionError, match="crop_tries must be at least 1; got 0"):
        Augmentation(crop_tries=0)
