"""The crop of the reference detectors: against plain loops, by hand, and how often what comes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.data.augment.crop import Window
from gluon_ssd.data.augment.policies import POLICIES
from gluon_ssd.data.augment.settings import StepAugmentation
from gluon_ssd.data.augment.step_crop import Crop, cut_boxes, draw_step_crop
from gluon_ssd.detection.boxes import iou_matrix
from tests.data.slow_steps import slow_crop

ALL = StepAugmentation()
ANY = POLICIES["retinanet_ssdlite"].native
SIZE_HW = (300, 400)
BOXES = np.array([(40, 30, 220, 200), (150, 90, 330, 240), (300, 30, 360, 80)], np.float32)
ONE = BOXES[:1]


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.mark.parametrize("settings", [ALL, ANY, replace(ALL, crop_tries=7)], ids=["1", "40", "7"])
@pytest.mark.parametrize("boxes", [BOXES, ONE], ids=["three boxes", "one box"])
def test_crops_equal_the_long_way(settings, boxes):
    for seed in range(150):
        fast = draw_step_crop(np.random.default_rng(seed), boxes, SIZE_HW, settings)
        slow = slow_crop(np.random.default_rng(seed), boxes, SIZE_HW, settings)
        if slow is None:
            assert fast is None
        else:
            np.testing.assert_allclose(fast.edges_px, slow, rtol=1e-12)


def test_without_boxes_there_is_no_crop(rng):
    assert draw_step_crop(rng, np.zeros((0, 4)), SIZE_HW, ALL) is None


def test_all_boxes_reach_the_floor_and_a_centre_is_inside(rng):
    settings = replace(ALL, crop_floors=(0.1,))
    boxes = BOXES[:2]
    crops = [draw_step_crop(rng, boxes, SIZE_HW, settings) for _ in range(300)]
    found = [crop for crop in crops if crop is not None]
    assert len(found) > 20
    for crop in found:
        overlaps = iou_matrix(boxes, np.array([crop.edges_px], np.float32))
        assert overlaps.min() > 0.1
        assert len(cut_boxes(boxes, crop.edges_px)[0]) >= 1
        left, top, right, bottom = crop.edges_px
        expected = (int(left), int(top), int(right) - int(left), int(bottom) - int(top))
        assert crop.pixels == Window(*expected)


def test_one_box_whose_centre_is_inside_reaches_the_floor_of_any(rng):
    settings = replace(ANY, crop_floors=(0.5,))
    lost = 0
    for _ in range(200):
        crop = draw_step_crop(rng, BOXES, SIZE_HW, settings)
        if crop is None:
            continue
        boxes, kept = cut_boxes(BOXES, crop.edges_px)
        assert iou_matrix(BOXES[kept], np.array([crop.edges_px], np.float32)).max() >= 0.5
        lost += not kept.all()
        x, y, width, height = crop.pixels
        assert crop.edges_px == (x, y, x + width, y + height)
        assert 0.5 <= width / height <= 2
    assert lost > 20


def test_modes_come_evenly_where_every_window_will_do(rng):
    # A box as large as the image, whose overlap is the window's share of the area.
    whole = np.array([(0, 0, 400, 300)], np.float32)
    settings = replace(ALL, crop_floors=(-1.0,) * 6, crop_aspect=(0.01, 100.0))
    # The centre must be inside, which is not always so; only the first mode that ends counts.
    ended = [draw_step_crop(rng, whole, SIZE_HW, settings) is None for _ in range(3000)]
    sides = rng.uniform(0.3, 1.0, (200_000, 2))
    starts = (1 - sides) * rng.random((200_000, 2))
    chance = ((starts < 0.5) & (starts + sides > 0.5)).all(axis=1).mean()
    expected = (1 / 7) / (1 / 7 + 6 / 7 * chance)
    assert abs(np.mean(ended) - expected) < 0.025


def test_windows_are_even_in_width_height_and_place(rng):
    # Dots everywhere: some centre is always inside.
    settings = replace(ALL, crop_floors=(-1.0,))
    dots = np.stack([rng.uniform(0, 400, 120), rng.uniform(0, 300, 120)], axis=1)
    dots = np.concatenate([dots, dots + 1e-3], axis=1)
    crops = [draw_step_crop(rng, dots, SIZE_HW, settings) for _ in range(2500)]
    edges = np.array([crop.edges_px for crop in crops if crop]) / (400, 300, 400, 300)
    width, height = (edges[:, 2:] - edges[:, :2]).T
    ratio = width / height
    assert 0.5 <= ratio.min() < 0.51 and 1.98 < ratio.max() <= 2
    sides = rng.uniform(0.3, 1.0, (100_000, 2))
    shaped = sides[(sides[:, 0] / sides[:, 1] >= 0.5) & (sides[:, 0] / sides[:, 1] <= 2)]
    # One of two modes, of whose windows those too long or too high do not count.
    chance = len(shaped) / len(sides)
    assert abs(len(edges) / 2500 - chance / (1 + chance)) < 0.03
    for found, expected in ((width, shaped[:, 0]), (height, shaped[:, 1])):
        quantiles = np.linspace(0.05, 0.95, 10)
        np.testing.assert_allclose(
            np.quantile(found, quantiles), np.quantile(expected, quantiles), atol=0.03
        )
    places = edges[:, :2] / (1 - np.stack([width, height], axis=1))
    np.testing.assert_allclose(places.mean(axis=0), 0.5, atol=0.03)


def test_a_window_that_loses_every_centre_is_not_taken(rng):
    corner = np.array([(0, 0, 8, 6)], np.float32)
    for _ in range(50):
        crop = draw_step_crop(rng, corner, SIZE_HW, replace(ALL, crop_floors=(-1.0,)))
        assert crop is None or len(cut_boxes(corner, crop.edges_px)[0]) == 1


def test_cut_boxes_by_hand():
    boxes = np.array([(0, 0, 20, 10), (8, 8, 10, 12), (0, 0, 10, 20), (30, 10, 90, 30)], np.float32)
    cut, kept = cut_boxes(boxes, (5.0, 4.0, 61.0, 50.0))
    # Centres (10, 5), (9, 10), (5, 10), (60, 20): the third lies on the edge and is left out.
    assert kept.tolist() == [True, True, False, True]
    assert cut.tolist() == [[0, 0, 15, 6], [3, 4, 5, 8], [25, 6, 56, 26]]


def test_images_of_a_pixel_have_windows_of_a_pixel(rng):
    box = np.array([(0, 0, 1, 1)], np.float32)
    crops = [draw_step_crop(rng, box, (1, 1), ALL) for _ in range(40)]
    assert {crop.pixels for crop in crops if isinstance(crop, Crop)} == {Window(0, 0, 1, 1)}
    # In whole pixels, a share of one pixel is none.
    assert {draw_step_crop(rng, box, (1, 1), ANY) for _ in range(20)} == {None}
