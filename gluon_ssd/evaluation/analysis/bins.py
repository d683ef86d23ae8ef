"""How objects of different sizes and shapes are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.evaluation.analysis.confusion import shown_detections
from gluon_ssd.evaluation.analysis.curves import class_curves, mean_average_precision
from gluon_ssd.evaluation.analysis.matching import HIT, match
from gluon_ssd.evaluation.analysis.pairs import Pairs, found_xywh, truth_xywh
from gluon_ssd.evaluation.detections import Detections, GroundTruth

SIZES = (
    ("small, below 32 × 32 px", 0.0, 32.0**2),
    ("medium, below 96 × 96 px", 32.0**2, 96.0**2),
    ("large", 96.0**2, float("inf")),
)
"""Areas of COCO: name, from, to below, in pixels of the image."""

SHAPES = (
    ("tall, above 2 : 1", 0.0, 0.5),
    ("upright", 0.5, 0.8),
    ("nearly square", 0.8, 1.25),
    ("lying", 1.25, 2.0),
    ("wide, above 2 : 1", 2.0, float("inf")),
)
"""Width divided by height: name, from, to below."""


@dataclass(frozen=True)
class Bin:
    """The objects of a range.

    Attributes:
        name: of the range.
        num_objects: that are asked for.
        num_found: of them, found by detections above the thresholds.
        average_precision: mean over the classes at overlap 0.5, with objects and detections that
            found none left out where they are outside the range, as in COCO's metric; NaN without
            objects.
    """

    name: str
    num_objects: int
    num_found: int
    average_precision: float

    @property
    def recall(self) -> float:
        """Share of the objects that were found; NaN without any."""
        return self.num_found / self.num_objects if self.num_objects else float("nan")


def size_bins(
    found: Detections,
    truth: GroundTruth,
    pairs: Pairs,
    thresholds: NDArray[Any],
    *,
    edge_px: int = 1,
) -> list[Bin]:
    """The ranges of SIZES; an object's area is that of its file where it says one.

    Args:
        found, truth, pairs: of one data set.
        thresholds: float (C,), as of `confusion_matrix`.
        edge_px: as of `overlapping_pairs`.
    """
    box = found_xywh(found.boxes_px, edge_px=edge_px)
    values = box[:, 2] * box[:, 3], truth_xywh(truth)[:, 4]
    return [_bin(found, truth, pairs, thresholds, values=values, span=span) for span in SIZES]


def shape_bins(
    found: Detections,
    truth: GroundTruth,
    pairs: Pairs,
    thresholds: NDArray[Any],
    *,
    edge_px: int = 1,
) -> list[Bin]:
    """As `size_bins`, by width divided by height in pixels of the image."""
    ours, theirs = found_xywh(found.boxes_px, edge_px=edge_px), truth_xywh(truth)
    values = tuple(box[:, 2] / np.maximum(box[:, 3], 1e-9) for box in (ours, theirs))
    return [
        _bin(found, truth, pairs, thresholds, values=(values[0], values[1]), span=span)
        for span in SHAPES
    ]


def _bin(
    found: Detections,
    truth: GroundTruth,
    pairs: Pairs,
    thresholds: NDArray[Any],
    *,
    values: tuple[NDArray[Any], NDArray[Any]],
    span: tuple[str, float, float],
) -> Bin:
    """One range; `values` are what it is a range of, for the detections and for the objects."""
    name, low, high = span
    outside = [(each < low) | (each >= high) for each in values]
    matching = match(found, truth, pairs, left_out_found=outside[0], left_out_truth=outside[1])
    curves = class_curves(found, truth, matching, len(thresholds))
    hit = (matching.outcome == HIT) & shown_detections(found, thresholds)
    return Bin(
        name,
        int(np.count_nonzero(matching.counted)),
        int(np.count_nonzero(hit)),
        mean_average_precision(curves),
    )
