"""Default boxes of the published SSD networks against the published ones."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.detection.boxes import center_to_corner
from gluon_ssd.detection.default_boxes import default_boxes, default_shapes
from tests.detection.published_ssd import SOURCES, boxes_named
from tests.golden_files import golden
from tests.golden_rule import distance

# By hand: count, rows, the last row, sums of the columns.
BY_HAND = {
    "ssd300_resnet50_coco": (
        8732,
        {
            0: (0.01333, 0.01333, 0.07, 0.07),
            1: (0.04, 0.01333, 0.07, 0.07),
            38: (0.01333, 0.04, 0.07, 0.07),
            1444: (0.01333, 0.01333, 0.10247, 0.10247),
            -1: (0.5, 0.5, 0.61518, 1),
        },
        (4443.147, 4443.147, 1171.968, 1171.968),
    ),
    "ssd_resnet34_1200_coco": (
        15130,
        {
            0: (0.01, 0.01, 0.07, 0.07),
            1: (0.03, 0.01, 0.07, 0.07),
            50: (0.01, 0.03, 0.07, 0.07),
            2500: (0.01, 0.01, 0.10247, 0.10247),
            -1: (0.83333, 0.83333, 0.61518, 1),
        },
        (7565.0, 7565.0, 2044.897, 2044.897),
    ),
}
WITH_BOXES = {**SOURCES, "yannqi": ("yannqi_ssd300", "", "ssd300_yannqi_coco")}


@pytest.mark.parametrize("name", BY_HAND)
def test_boxes_are_those_of_the_list(name):
    count, rows, sums = BY_HAND[name]
    boxes = boxes_named(name)
    assert (boxes.shape, boxes.dtype) == ((count, 4), np.float32)
    for row, expected in rows.items():
        np.testing.assert_allclose(boxes[row], expected, atol=6e-6)
    np.testing.assert_allclose(boxes.sum(axis=0, dtype=np.float64), sums, atol=6e-4)
    assert boxes.min() >= 0 and boxes.max() == 1


@pytest.mark.parametrize(("file", "prefix", "name"), [*WITH_BOXES.values()], ids=WITH_BOXES)
def test_boxes_are_the_published_ones_to_the_bit(file, prefix, name):
    numbers = golden(file).part(f"{prefix}dboxes.")
    boxes = boxes_named(name)
    for form, found in (("xywh", boxes), ("ltrb", center_to_corner(boxes))):
        np.testing.assert_array_equal(found[numbers["index"]], numbers[f"{form}.rows"])
        np.testing.assert_array_equal(found.sum(axis=0, dtype=np.float64), numbers[f"{form}.sums"])
        assert distance(found, numbers, form) < 1e-12
    assert numbers["levels"].sum() == len(boxes)
    assert numbers["scales"].tolist() == [0.1, 0.2]


@pytest.mark.parametrize(("file", "prefix", "name"), [*WITH_BOXES.values()], ids=WITH_BOXES)
def test_every_shape_of_every_level_is_the_published_one(file, prefix, name):
    numbers = golden(file).part(f"{prefix}dboxes.")
    first, shapes = 0, []
    for boxes_of_level, shapes_of_level in zip(numbers["levels"], (4, 6, 6, 6, 4, 4), strict=True):
        cells = boxes_of_level // shapes_of_level
        shapes += [boxes_named(name)[first + i * cells, 2:] for i in range(shapes_of_level)]
        first += boxes_of_level
    np.testing.assert_array_equal(shapes, numbers["shapes"])


def test_both_forms_of_a_ratio_follow_the_two_squares():
    shapes = default_shapes(0.2, 0.8, (4,))
    np.testing.assert_allclose(shapes, [(0.2, 0.2), (0.4, 0.4), (0.4, 0.1), (0.1, 0.4)])


def test_order_is_level_shape_row_column():
    boxes = default_boxes(100, cells=(2, 1), steps=(50, 100), scales=(10, 40, 90), ratios=((), ()))
    np.testing.assert_allclose(
        boxes,
        [
            *[(x, y, 0.1, 0.1) for y in (0.25, 0.75) for x in (0.25, 0.75)],
            *[(x, y, 0.2, 0.2) for y in (0.25, 0.75) for x in (0.25, 0.75)],
            (0.5, 0.5, 0.4, 0.4),
            (0.5, 0.5, 0.6, 0.6),
        ],
        rtol=1e-6,
    )


@pytest.mark.parametrize(("whole_cells", "centres"), [(False, (15, 45, 75)), (True, (50 / 3, 50))])
def test_whole_cells_move_apart_to_fill_the_image(whole_cells, centres):
    boxes = default_boxes(
        100, cells=(3,), steps=(30,), scales=(10, 20), ratios=((),), whole_cells=whole_cells
    )
    np.testing.assert_allclose(100 * boxes[: len(centres), 0], centres, rtol=1e-6)
