"""Which class is taken for which, at the threshold of each class, with background."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.evaluation.analysis.matching import FALSE_ALARM, HIT, HIT_OVERLAP, Matching
from gluon_ssd.evaluation.analysis.pairs import Pairs
from gluon_ssd.evaluation.detections import Detections, GroundTruth


def shown_detections(found: Detections, thresholds: NDArray[Any]) -> NDArray[Any]:
    """bool (N,): detections that reach the threshold of their class, of (C,); NaN lets none by."""
    reached: NDArray[Any] = found.scores >= thresholds[found.labels]
    return reached


def confusion_matrix(
    found: Detections,
    truth: GroundTruth,
    pairs: Pairs,
    matching: Matching,
    thresholds: NDArray[Any],
) -> NDArray[Any]:
    """How many objects of one class were found as another.

    Hits are those of `matching`. Of what is left, the pairs of a detection and an object of two
    classes that overlap by HIT_OVERLAP are taken in the order of their overlap, each detection and
    each object once. The rest is found in the background, or taken for it.

    Args:
        found, truth: of one data set.
        pairs: of both.
        matching: of both at HIT_OVERLAP.
        thresholds: float (C,), smallest score of a class that counts; NaN for none.

    Returns:
        int64 (C + 1, C + 1): [i, j] objects of class i found as class j. Row C counts detections
        where there is no object, column C objects that were not found. Objects and detections that
        are ignored are left out.
    """
    num_classes = len(thresholds)
    matrix = np.zeros((num_classes + 1, num_classes + 1), np.int64)
    shown = shown_detections(found, thresholds)
    hit = shown & (matching.outcome == HIT)
    labels = found.labels[hit]
    np.add.at(matrix, (labels, labels), 1)
    free_found = shown & (matching.outcome == FALSE_ALARM)
    free_truth = matching.counted.copy()
    free_truth[matching.owner[hit]] = False
    usable = free_found[pairs.found] & free_truth[pairs.truth] & (pairs.overlap >= HIT_OVERLAP)
    left = pairs.only(usable)
    order = np.lexsort((-found.scores[left.found].astype(np.float64), -left.overlap))
    for row, object_row in zip(left.found[order].tolist(), left.truth[order].tolist(), strict=True):
        if free_found[row] and free_truth[object_row]:
            free_found[row] = free_truth[object_row] = False
            matrix[truth.labels[object_row], found.labels[row]] += 1
    np.add.at(matrix, (num_classes, found.labels[free_found]), 1)
    np.add.at(matrix, (truth.labels[free_truth], num_classes), 1)
    return matrix
