"""Drawn images: what is in them, and what their boxes hold."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.data.sources.shapes_drawing import CLASSES, draw_image, visible_shares


@pytest.fixture(scope="module")
def drawn():
    """150 images of the usual size, with their objects."""
    return [draw_image(300, np.random.default_rng((5, index))) for index in range(150)]


def test_every_class_is_frequent_and_some_images_are_empty(drawn):
    names = [item.name for _, objects in drawn for item in objects]
    assert set(names) == set(CLASSES)
    assert min(names.count(name) for name in CLASSES) > 0.08 * len(names)
    counts = np.array([len(objects) for _, objects in drawn])
    assert 0.01 < (counts == 0).mean() < 0.12
    assert counts.max() <= 6 and 2.5 < counts.mean() < 4.5


def test_sizes_cover_the_stated_range_and_few_objects_are_difficult(drawn):
    objects = [item for _, objects in drawn for item in objects]
    boxes = np.array([item.box_px for item in objects])
    sides = (boxes[:, 2:] - boxes[:, :2] + 1).max(axis=1)
    assert 34 <= sides.min() < 48 and 140 < sides.max() < 190
    assert (boxes >= 0).all() and (boxes < 300).all()
    assert 0 < np.mean([item.is_difficult for item in objects]) < 0.05


def test_visible_shares_count_what_lies_in_front():
    masks = [np.zeros((4, 10), np.uint8) for _ in range(3)]
    masks[0][:, :10] = 255
    masks[1][:, 4:8] = 255
    masks[2][:, 7:9] = 255
    assert visible_shares(masks) == [0.5, 0.75, 1.0]
    assert visible_shares([]) == []


def test_colours_tell_nothing_about_the_class(drawn):
    inside = {name: [] for name in CLASSES}
    for image, objects in drawn:
        for item in objects:
            x_min, y_min, x_max, y_max = item.box_px
            inside[item.name].append(image[y_min : y_max + 1, x_min : x_max + 1].mean())
    means = [np.mean(values) for values in inside.values()]
    assert np.ptp(means) < 30  # the spread within a class is about 45 grey levels


def test_a_generator_decides_everything():
    (image, objects), (again, others), (other, _) = (
        draw_image(96, np.random.default_rng(seed)) for seed in (4, 4, 5)
    )
    assert (image.shape, image.dtype) == ((96, 96, 3), np.uint8)
    np.testing.assert_array_equal(image, again)
    assert objects == others
    assert (image != other).any()


def test_objects_overlap_little(drawn):
    for _, objects in drawn[:40]:
        boxes = [item.box_px for item in objects]
        for number, (a, b, c, d) in enumerate(boxes):
            for e, f, g, h in boxes[:number]:
                width, height = min(c, g) - max(a, e) + 1, min(d, h) - max(b, f) + 1
                common = max(0, width) * max(0, height)
                areas = (c - a + 1) * (d - b + 1) + (g - e + 1) * (h - f + 1)
                assert common <= 0.25 * (areas - common)


def test_a_share_of_half_covered_pixels_counts_from_128_on():
    back, front = np.full((1, 4), 128, np.uint8), np.array([[127, 128, 0, 255]], np.uint8)
    assert visible_shares([back, front]) == [0.5, 1.0]
