from __future__ import annotations

import itertools

import numpy as np
import pytest

from gluon_ssd.detection.anchors import anchor_grid, lite_shapes, ssd_shapes
from gluon_ssd.families.zoo.spec import SPECS

BY_NAME = {spec.name: spec for spec in SPECS}

MAPS_300 = [(38, 38), (19, 19), (10, 10), (5, 5), (3, 3), (1, 1)]
MAPS_300_FROM_16 = [(19, 19), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)]
MAPS_512_SIX = [(32, 32), (16, 16), (8, 8), (4, 4), (2, 2), (1, 1)]
MAPS_512_SEVEN = [(64, 64), *MAPS_512_SIX]

# name, feature maps, count, first rows, last row, column sums; read back from GluonCV's networks
# or worked out from the same rules.
GOLDEN = [
    (
        "ssd_300_vgg16_atrous_voc",
        MAPS_300,
        8732,
        [
            (4, 4, 30, 30),
            (4, 4, 42.4264, 42.4264),
            (4, 4, 42.4264, 21.2132),
            (4, 4, 21.2132, 42.4264),
        ],
        (150, 150, 186.6762, 373.3524),
        (1333184.0, 1333184.0, 453128.8, 453128.8),
    ),
    (
        "ssd_300_vgg16_atrous_coco",
        MAPS_300,
        8732,
        [(4, 4, 21, 21), (4, 4, 30.741, 30.741)],
        (150, 150, 184.555, 369.110),
        (1333184.0, 1333184.0, 351659.4, 351659.4),
    ),
    (
        "ssd_512_vgg16_atrous_voc",
        MAPS_512_SEVEN,
        24564,
        [(4, 4, 51.2, 51.2), (4, 4, 62.707, 62.707)],
        (256, 256, 325.835, 651.670),
        (6288384.0, 6288384.0, 1849154.5, 1849154.5),
    ),
    (
        "ssd_512_mobilenet1.0_voc",
        MAPS_512_SIX,
        6132,
        [(8, 8, 51.2, 51.2), (8, 8, 72.408, 72.408)],
        (256, 256, 318.622, 637.245),
        (1569792.0, 1569792.0, 533403.1, 533403.1),
    ),
    (
        "ssd_512_resnet50_v1_coco",
        MAPS_512_SIX,
        6132,
        [(8, 8, 51.2, 51.2), (8, 8, 82.5575, 82.5575)],
        (256, 256, 325.8348, 651.6696),
        (1569792.0, 1569792.0, 606995.2, 606995.2),
    ),
    (
        "ssd_300_mobilenet1.0_lite_coco",
        MAPS_300_FROM_16,
        1917,
        [(8, 8, 30, 30), (8, 8, 84.8528, 42.4264), (8, 8, 42.4264, 84.8528)],
        (150, 150, 292.4038, 292.4038),
        (289716.0, 289716.0, 161943.8, 161943.8),
    ),
]


def all_levels(spec, maps) -> np.ndarray:
    rule = lite_shapes if spec.lite else ssd_shapes
    scales = [(own, np.sqrt(own * after)) for own, after in itertools.pairwise(spec.sizes)]
    levels = zip(maps, spec.steps, scales, spec.ratios, strict=True)
    grids = [
        anchor_grid(size, step, rule(pair, ratios, level)).reshape(-1, 4)
        for level, (size, step, pair, ratios) in enumerate(levels)
    ]
    return np.concatenate(grids).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "maps", "count", "first", "last", "sums"), GOLDEN, ids=[case[0] for case in GOLDEN]
)
def test_anchors_golden_values(name, maps, count, first, last, sums):
    spec = BY_NAME[name]
    anchors = all_levels(spec, maps)
    assert anchors.dtype == np.float32
    assert anchors.shape == (count, 4)
    np.testing.assert_allclose(anchors[: len(first)], first, atol=5e-4)
    np.testing.assert_allclose(anchors[-1], last, atol=5e-4)
    np.testing.assert_allclose(anchors.sum(axis=0, dtype=np.float64), sums, rtol=0, atol=0.06)


def test_anchors_run_by_row_then_column_then_shape():
    anchors = anchor_grid((1, 2), 10, ssd_shapes((4, 6), (1, 4), 0)).reshape(-1, 4)
    np.testing.assert_array_equal(
        anchors,
        [[5, 5, 4, 4], [5, 5, 6, 6], [5, 5, 8, 2], [15, 5, 4, 4], [15, 5, 6, 6], [15, 5, 8, 2]],
    )


def test_mobilenet_quarter_anchors_cover_the_whole_image():
    spec = BY_NAME["ssd_300_mobilenet0.25_voc"]
    anchors = all_levels(spec, MAPS_300_FROM_16)
    first_level = anchors[: 19 * 19 * 4]
    # The zoo's steps reach 148 px; those of the maps reach the last cell's centre.
    assert first_level[:, :2].max() == 296
    assert len(anchors) == 2268
