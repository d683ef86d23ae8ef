"""The colour steps against Pillow's own, their draws, and DALI's map by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.data.augment.settings import StepAugmentation
from gluon_ssd.data.augment.step_colors import (
    CHANNEL_ORDERS,
    COLOR_STEPS,
    ColorStep,
    draw_distortion,
    draw_jitter,
    recolored,
    to_8_bits,
    twist_matrix,
    twisted,
)
from tests.data.slow_steps import slow_recolored, slow_twisted

FACTORS = (0.0, 0.5, 0.77, 0.875, 1.0, 1.07, 1.125, 1.3, 1.5, 2.0)
TURNS = (0.0, 1.0, 1.5, -1.5, 9.0, -9.0, 18.0, -18.0, 120.0, -77.0)
ALL_STEPS = StepAugmentation()


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture(scope="module")
def colors():
    """Every third level of each channel: all sectors of the hue, greys, black and white."""
    levels = np.arange(0, 256, 3, dtype=np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(86, -1, 3)


@pytest.mark.parametrize("name", COLOR_STEPS)
def test_each_step_equals_pillow_bit_by_bit(colors, name):
    for amount in {"hue": TURNS, "channels": range(6)}.get(name, FACTORS):
        steps = (ColorStep(name, amount),)
        found = recolored(colors, steps)
        np.testing.assert_array_equal(found, slow_recolored(colors, steps), err_msg=str(amount))
        assert found.dtype == np.uint8


def test_every_hue_of_every_saturation_turns_as_in_pillow():
    # One value of each (hue, saturation) is not enough: rounding depends on it as well.
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (700, 700, 3), dtype=np.uint8)
    for turn in (7.3, -16.9):
        steps = (ColorStep("hue", turn),)
        np.testing.assert_array_equal(recolored(image, steps), slow_recolored(image, steps))


def test_chains_equal_pillow_and_their_order_matters(rng):
    image = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    for _ in range(20):
        steps = draw_jitter(rng, ALL_STEPS)
        np.testing.assert_array_equal(recolored(image, steps), slow_recolored(image, steps))
    steps = (ColorStep("brightness", 1.5), ColorStep("contrast", 0.5))
    assert (recolored(image, steps) != recolored(image, steps[::-1])).any()


def test_contrast_by_hand():
    # Greys of 10 and 21: the mean is 15.5, which rounds to 16.
    image = np.array([[[10] * 3, [21] * 3]], np.uint8)
    found = recolored(image, (ColorStep("contrast", 0.5),))
    assert found[0, :, 0].tolist() == [13, 18]  # 16 - 3, 16 + 2.5 without its fraction
    found = recolored(image, (ColorStep("contrast", 3.0),))
    assert found[0, :, 0].tolist() == [0, 31]  # 16 - 18 is cut


def test_nothing_drawn_leaves_the_image_itself():
    image = np.zeros((2, 2, 3), np.uint8)
    assert recolored(image, ()) is image


def test_jitter_takes_every_order_and_the_whole_ranges(rng):
    draws = [draw_jitter(rng, ALL_STEPS) for _ in range(4800)]
    orders = Counter(tuple(step.name for step in draw) for draw in draws)
    assert len(orders) == 24 and min(orders.values()) > 140 and max(orders.values()) < 260
    for name, low, high in (
        ("brightness", 0.875, 1.125),
        ("contrast", 0.5, 1.5),
        ("saturation", 0.5, 1.5),
        ("hue", -18, 18),
    ):
        amounts = np.array([dict(draw)[name] for draw in draws])
        assert amounts.min() >= low and amounts.max() <= high
        shares = np.sort((amounts - low) / (high - low))
        # The largest gap to the even distribution; 1.63 / root(4800) is passed by 1 % of samples.
        assert np.abs(shares - np.arange(4800) / 4800).max() < 0.0235, name


def test_distortion_draws_each_step_by_chance_and_contrast_early_or_late(rng):
    draws = [draw_distortion(rng, ALL_STEPS) for _ in range(4000)]
    names = [tuple(step.name for step in draw) for draw in draws]
    for name in COLOR_STEPS:
        assert 0.47 < np.mean([name in draw for draw in names]) < 0.53, name
    both = [draw for draw in names if "contrast" in draw and "saturation" in draw]
    early = [draw.index("contrast") < draw.index("saturation") for draw in both]
    assert 0.44 < np.mean(early) < 0.56
    allowed = ("brightness", "contrast", "saturation", "hue", "contrast", "channels")
    for draw in set(names):
        rest = iter(allowed)
        assert all(name in rest for name in draw), draw
    numbers = Counter(dict(draw)["channels"] for draw in draws if "channels" in dict(draw))
    assert set(numbers) == set(range(len(CHANNEL_ORDERS))) and min(numbers.values()) > 270


def test_probability_one_and_zero_draw_all_and_nothing(rng):
    assert len(draw_distortion(rng, replace(ALL_STEPS, color_probability=1.0))) == 5
    assert draw_distortion(rng, replace(ALL_STEPS, color_probability=0.0)) == ()


def test_twist_equals_its_steps(rng):
    image = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    for _ in range(10):
        steps = draw_jitter(rng, ALL_STEPS)
        difference = np.abs(twisted(image, steps).astype(int) - slow_twisted(image, steps))
        assert difference.max() <= 1 and difference.mean() < 1e-3


def test_twist_by_hand():
    # Contrast 2 about 128, then half of it: 100 -> 72 -> 36.
    steps = (ColorStep("brightness", 0.5), ColorStep("contrast", 2.0))
    np.testing.assert_allclose(twist_matrix(steps)[:, 3], -64)
    grey = np.full((1, 1, 3), 100, np.uint8)
    assert twisted(grey, steps).tolist() == [[[36, 36, 36]]]
    np.testing.assert_allclose(twist_matrix(())[:, :3], np.eye(3), atol=2e-3)


@pytest.mark.dali
def test_twist_is_that_of_dali(rng):
    from gluon_ssd.data.dali.graphs import load_dali

    dali, image = load_dali(), rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for _ in range(5):
        amounts = dict(draw_jitter(rng, ALL_STEPS))
        pipeline = dali.Pipeline(1, 1, None, exec_async=False, exec_pipelined=False)
        with pipeline:
            given = dali.fn.external_source(name="given", dtype=dali.types.UINT8, layout="HWC")
            pipeline.set_outputs(dali.fn.color_twist(given, **amounts))
        pipeline.build()
        pipeline.feed_input("given", [image])
        theirs = np.array(pipeline.run()[0].at(0)).astype(int)
        steps = tuple(ColorStep(name, amount) for name, amount in amounts.items())
        assert np.abs(twisted(image, steps) - theirs).max() <= 1


def test_whole_levels_are_rounded_and_cut():
    pixels = np.array([[[-3.0, 0.4, 0.6], [254.6, 255.4, 300.0]]], np.float32)
    assert to_8_bits(pixels).tolist() == [[[0, 0, 1], [255, 255, 255]]]
    levels = np.array([[[1, 2, 3]]], np.uint8)
    assert to_8_bits(levels) is levels
