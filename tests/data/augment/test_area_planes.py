from __future__ import annotations

import cv2
import numpy as np
import pytest

from gluon_ssd.data.augment.area_planes import area_planes, shrinks_by_area
from gluon_ssd.data.augment.transforms import eval_transform
from gluon_ssd.detection.input_format import InputFormat

OWN = InputFormat((48, 40), mean=(0.0, 0.4, 0.9), std=(1 / 255, 0.2, 3.0))


def made(image: np.ndarray, input_format: InputFormat) -> np.ndarray:
    target = np.full((3, *input_format.size_hw), np.nan, np.float32)
    area_planes(image, input_format, target)
    return target


def test_a_row_by_hand():
    image = np.array([[0, 60, 120]] * 3, np.uint8)[..., None].repeat(3, axis=2)
    plain = InputFormat((2, 2), mean=(0.0,) * 3, std=(1 / 255,) * 3)
    # Each pixel of two is one and a half of three: (0 + 60 / 2) / 1.5 and (60 / 2 + 120) / 1.5.
    np.testing.assert_allclose(made(image, plain), np.tile([20.0, 100.0], (3, 2, 1)), rtol=1e-6)


@pytest.mark.parametrize(
    "size_hw",
    [(49, 41), (72, 60), (73, 80), (96, 81), (200, 41), (49, 300), (333, 777), (1000, 999)],
    ids=str,
)
@pytest.mark.parametrize("is_smooth", [False, True], ids=["noise", "smooth"])
def test_it_is_what_opencv_gives_to_the_bit(size_hw, is_smooth):
    image = np.random.default_rng(sum(size_hw)).integers(0, 256, (*size_hw, 3), np.uint8)
    if is_smooth:
        image = cv2.GaussianBlur(image, (0, 0), 3)
    assert shrinks_by_area(size_hw, OWN)
    np.testing.assert_array_equal(made(image, OWN), eval_transform(image, OWN))


def test_any_sizes_give_what_opencv_gives():
    rng = np.random.default_rng(3)
    for _ in range(60):
        to_hw = tuple(int(side) for side in rng.integers(1, 90, 2))
        size_hw = tuple(
            side + int(more) for side, more in zip(to_hw, rng.integers(1, 200, 2), strict=True)
        )
        image = rng.integers(0, 256, (*size_hw, 3), np.uint8)
        wanted = InputFormat(to_hw)
        if shrinks_by_area(size_hw, wanted):
            np.testing.assert_array_equal(made(image, wanted), eval_transform(image, wanted))


def test_white_stays_white():
    image = np.full((97, 89, 3), 255, np.uint8)
    np.testing.assert_array_equal(made(image, OWN), eval_transform(image, OWN))


def test_views_of_images_will_do():
    image = np.random.default_rng(1).integers(0, 256, (100, 90, 3), np.uint8)[5:95, ::-1]
    np.testing.assert_array_equal(made(image, OWN), eval_transform(image, OWN))


@pytest.mark.parametrize(
    ("size_hw", "resize"),
    [
        ((48, 40), "auto"),
        ((30, 30), "auto"),
        ((100, 30), "auto"),
        ((96, 120), "auto"),
        ((100, 90), "pil"),
        ((100, 90), "linear"),
    ],
    ids=["same", "grows", "grows in one", "whole number", "pil", "linear"],
)
def test_what_another_rule_resizes_is_left_to_it(size_hw, resize):
    assert not shrinks_by_area(size_hw, InputFormat((48, 40), resize=resize))
