"""The default boxes of the published SSD networks for tests, and their matcher in plain loops."""

from __future__ import annotations

import numpy as np

from gluon_ssd.detection.boxes import FloatArray, center_to_corner
from gluon_ssd.detection.default_boxes import default_boxes
from gluon_ssd.families.catalog import SPECS

SETS = ("plain", "tiny", "overlap", "elongated", "outside", "centred", "flat", "many")

# (golden file, what its keys start with, a network with these boxes)
SOURCES = {
    "nvidia": ("nvidia_ssd300", "", "ssd300_resnet50_coco"),
    "mlperf 300": ("mlperf_ssd_r34", "s300.", "ssd_resnet34_300_coco"),
    "mlperf 1200": ("mlperf_ssd_r34", "s1200.", "ssd_resnet34_1200_coco"),
}


def boxes_named(name: str) -> FloatArray:
    """float32 (A, 4), centre form, fractions of the image, of a network."""
    spec = SPECS[name]
    return default_boxes(
        spec.input_size_hw[0],
        cells=spec.cells,
        steps=spec.steps,
        scales=spec.scales,
        ratios=spec.ratios,
        whole_cells=spec.whole_cells,
    )


def overlap(one, other):
    """Intersection over union of two corners, each step rounded to float32."""
    f = np.float32
    width = max(f(min(one[2], other[2])) - f(max(one[0], other[0])), f(0))
    height = max(f(min(one[3], other[3])) - f(max(one[1], other[1])), f(0))
    common = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return common / (areas[0] + areas[1] - common)


def match_in_loops(boxes, default_boxes):
    """Default box -> ground truth, as the published encoder does it.

    Args:
        boxes: float32 (M, 4), corners, fractions.
        default_boxes: float32 (A, 4), centre form, fractions.
    """
    corners = center_to_corner(default_boxes)
    table = [[overlap(box, corner) for corner in corners] for box in boxes]
    matched = {}
    for anchor in range(len(corners)):
        best = 0
        for truth in range(len(boxes)):
            if table[truth][anchor] > table[best][anchor]:
                best = truth
        if len(boxes) and table[best][anchor] > 0.5:
            matched[anchor] = best
    for truth in range(len(boxes)):
        best = 0
        for anchor in range(len(corners)):
            if table[truth][anchor] > table[truth][best]:
                best = anchor
        matched[best] = truth
    return dict(sorted(matched.items()))
