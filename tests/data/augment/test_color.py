"""Colour steps by hand: what is drawn from given numbers, and what becomes of a colour."""

from __future__ import annotations

import math
from unittest.mock import Mock

import numpy as np
import pytest

from gluon_ssd.data.augment.color import (
    ColorDraw,
    color_matrix,
    compose,
    draw_color,
    normalizing_matrix,
)
from gluon_ssd.data.augment.settings import Augmentation

SETTINGS = Augmentation(
    color_probability=0.5, brightness=32, contrast=(0.5, 1.5), saturation=(0.25, 2.25)
)


def drawn(chances: list[float], amounts: list[float]) -> ColorDraw:
    rng = Mock(**{"random.side_effect": [np.array([chances, amounts])]})
    draw = draw_color(rng, SETTINGS)
    rng.random.assert_called_once_with((2, 4))
    return draw


def turned(draw: ColorDraw, color: tuple[float, ...]) -> np.ndarray:
    matrix = color_matrix(draw)
    return matrix[:, :3] @ color + matrix[:, 3]


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0.0, (-32, 0.5, 0.25)),
        (0.25, (-16, 0.75, 0.75)),
        (0.5, (0, 1, 1.25)),
        (1.0, (32, 1.5, 2.25)),
    ],
    ids=str,
)
def test_amounts_run_from_the_low_end_to_the_high_end(
    amount: float, expected: tuple[float, ...]
) -> None:
    draw = drawn([0.49] * 4, [amount] * 4)
    assert (draw.brightness, draw.contrast, draw.saturation) == expected


def test_hue_turns_to_both_sides_alike() -> None:
    highest = drawn([0] * 4, [1] * 4).hue
    assert highest is not None and highest > 0
    assert drawn([0] * 4, [0] * 4).hue == -highest
    assert drawn([0] * 4, [0.75] * 4).hue == pytest.approx(highest / 2)


@pytest.mark.parametrize("step", range(4), ids="brightness contrast saturation hue".split())
def test_a_chance_at_the_probability_leaves_its_step_out(step: int) -> None:
    chances = [0.5] * 4
    chances[step] = 0.4
    draw = drawn(chances, [1.0] * 4)
    amounts = (draw.brightness, draw.contrast, draw.saturation, draw.hue)
    assert [amount is not None for amount in amounts] == [place == step for place in range(4)]


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (ColorDraw(), (100, 50, 200)),
        (ColorDraw(brightness=10), (110, 60, 210)),
        (ColorDraw(contrast=2), (200, 100, 400)),
        # Grey is 29.9 + 29.35 + 22.8 = 82.05.
        (ColorDraw(saturation=0), (82.05, 82.05, 82.05)),
        (ColorDraw(saturation=0.5), (91.025, 66.025, 141.025)),
        (ColorDraw(saturation=2), (117.95, 17.95, 317.95)),
        # Brightness is added first.
        (ColorDraw(brightness=10, contrast=2), (220, 120, 420)),
        (ColorDraw(brightness=10, saturation=0), (92.05, 92.05, 92.05)),
        (ColorDraw(brightness=-10, contrast=0.5, saturation=0), (36.025, 36.025, 36.025)),
    ],
    ids=str,
)
def test_a_color_by_hand(draw: ColorDraw, expected: tuple[float, ...]) -> None:
    assert turned(draw, (100, 50, 200)) == pytest.approx(expected)


def test_a_quarter_turn_of_red_by_hand() -> None:
    # In YIQ red is (0.299, 0.596, 0.211); the turn makes it (0.299, -0.211, 0.596).
    expected = (
        0.299 - 0.956 * 0.211 + 0.621 * 0.596,
        0.299 + 0.272 * 0.211 - 0.647 * 0.596,
        0.299 + 1.107 * 0.211 + 1.705 * 0.596,
    )
    assert turned(ColorDraw(hue=math.pi / 2), (1, 0, 0)) == pytest.approx(expected)


@pytest.mark.parametrize("color", np.eye(3), ids=["red", "green", "blue"])
def test_no_turn_and_a_full_turn_change_little(color: np.ndarray) -> None:
    # The legacy tables of three digits are not quite each other's inverse.
    assert turned(ColorDraw(hue=0), color) == pytest.approx(color, abs=0.004)
    assert turned(ColorDraw(hue=2 * math.pi), color) == pytest.approx(color, abs=0.004)


@pytest.mark.parametrize("hue", [0.5, 2.0, -1.0])
def test_grey_has_no_hue_to_turn(hue: float) -> None:
    assert turned(ColorDraw(hue=hue), (80, 80, 80)) == pytest.approx([80] * 3, abs=0.5)


def test_a_turn_follows_saturation_and_both_follow_brightness() -> None:
    both = turned(ColorDraw(brightness=10, saturation=0.5, hue=1.0), (100, 50, 200))
    faded = turned(ColorDraw(brightness=10, saturation=0.5), (100, 50, 200))
    assert both == pytest.approx(turned(ColorDraw(hue=1.0), faded))


def test_normalizing_by_hand() -> None:
    matrix = normalizing_matrix((0.5, 0.25, 0), (0.5, 0.25, 2))
    levels = np.array([(0, 0, 0), (255, 255, 255), (127.5, 127.5, 510)])
    expected = [(-1, -1, 0), (1, 3, 0.5), (0, 1, 1)]
    np.testing.assert_allclose(levels @ matrix[:, :3].T + matrix[:, 3], expected, atol=1e-12)


def test_composing_applies_the_inner_map_first() -> None:
    double = np.concatenate([2 * np.eye(3), np.zeros((3, 1))], axis=1)
    shift = np.concatenate([np.eye(3), [[1], [10], [100]]], axis=1)
    np.testing.assert_array_equal(compose(double, shift)[:, 3], [2, 20, 200])
    np.testing.assert_array_equal(compose(shift, double)[:, 3], [1, 10, 100])
    np.testing.assert_array_equal(compose(shift, double)[:, :3], 2 * np.eye(3))
    np.testing.assert_array_equal(shift[:, 3], [1, 10, 100])
