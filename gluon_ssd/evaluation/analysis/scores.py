"""The usual metrics side by side, each by its own evaluator, whatever the data set's own is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.evaluation.coco_map import CocoTruth, coco_class_scores
from gluon_ssd.evaluation.detections import Detections, GroundTruth, check_labels
from gluon_ssd.evaluation.voc_map import evaluate_voc

METRICS = ("AP50", "AP50-95", "VOC07")
"""COCO's at overlap 0.5 and over 0.50 to 0.95, and that of PASCAL VOC 2007."""


@dataclass(frozen=True)
class Scores:
    """Average precision of C classes by each of METRICS; fractions, NaN without objects.

    | name    | shape  | dtype   | meaning                                     |
    |---------|--------|---------|---------------------------------------------|
    | classes | (C, 3) | float64 | of each class                               |
    | means   | (3,)   | float64 | over the classes with objects               |
    """

    classes: NDArray[Any]
    means: NDArray[Any]


def side_by_side(
    found: Detections, truth: GroundTruth, coco: CocoTruth, classes: tuple[str, ...]
) -> Scores:
    """Score detections by each metric.

    VOC's is computed in pixels of the network's input, as its other numbers here are, or in those
    of the images where the size of the input is not known (0, 0).

    Args:
        found, truth: of one data set, without images that were left out.
        coco: the same truth, from `coco_truth`.
        classes: names in label order.

    Raises:
        DataError: a detection has a class number that `classes` does not have.
        EnvironmentProblem: pycocotools is missing.
    """
    check_labels(found, len(classes))
    of_coco = coco_class_scores(found, coco)
    is_known = found.input_size_hw != (0, 0)
    of_voc = evaluate_voc(
        found, truth, classes, year=2007, coordinates="input" if is_known else "original"
    )
    table = np.column_stack(
        [of_coco.at_half, of_coco.mean, [of_voc.class_scores[name] for name in classes]]
    )
    known = ~np.isnan(table[:, 0])
    means = table[known].mean(axis=0) if known.any() else np.full(len(METRICS), np.nan)
    means[2] = of_voc.score
    return Scores(table, means)
