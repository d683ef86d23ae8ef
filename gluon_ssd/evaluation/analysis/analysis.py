"""Everything that the analysis of one detector on one data set comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.evaluation.analysis.bins import Bin, shape_bins, size_bins
from gluon_ssd.evaluation.analysis.confusion import confusion_matrix, shown_detections
from gluon_ssd.evaluation.analysis.curves import (
    Curve,
    Point,
    class_curves,
    mean_average_precision,
)
from gluon_ssd.evaluation.analysis.kinds import Errors, error_costs, error_kinds
from gluon_ssd.evaluation.analysis.matching import HIT, Matching, match
from gluon_ssd.evaluation.analysis.pairs import Pairs, overlapping_pairs
from gluon_ssd.evaluation.analysis.reliability import Reliability, score_reliability
from gluon_ssd.evaluation.coco_map import SCORE_FLOOR
from gluon_ssd.evaluation.detections import Detections, GroundTruth, check_labels

WITHOUT_BEST = 0.5
"""Where a class is counted that has no best threshold; where the demo shows it, too."""


@dataclass(frozen=True)
class Analysis:
    """A detector on a data set of C classes.

    Attributes:
        classes: names in label order.
        found: the detections that are analysed: those of SCORE_FLOOR or more, as COCO's metric.
        truth: the annotated objects.
        pairs, matching: which of them overlap, and what found what, at overlap 0.5.
        curves: of each class.
        best: float64 (C,), the threshold of the best F1 of each class; NaN without hits.
        thresholds: float64 (C,), the smallest score of each class that counts: `best`, or
            WITHOUT_BEST.
        points: what each class comes to at its threshold.
        confusion: as of `confusion_matrix`, at the thresholds.
        errors: kinds of error, at the thresholds.
        costs: what each kind costs in mAP, which is over all scores.
        sizes, shapes: ranges of objects.
        reliability: scores against how often they are right.
    """

    classes: tuple[str, ...]
    found: Detections
    truth: GroundTruth
    pairs: Pairs
    matching: Matching
    curves: list[Curve]
    best: NDArray[Any]
    thresholds: NDArray[Any]
    points: list[Point]
    confusion: NDArray[Any]
    errors: Errors
    costs: dict[str, float]
    sizes: list[Bin]
    shapes: list[Bin]
    reliability: Reliability

    @property
    def mean_average_precision(self) -> float:
        """At overlap 0.5, what `costs` add to."""
        return mean_average_precision(self.curves)

    def outcomes(
        self, image: int, thresholds: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """What was found in an image above thresholds, of (C,).

        Returns:
            Rows of its detections, whether each is a hit, and rows of its objects that count.
        """
        shown = shown_detections(self.found, thresholds)
        rows = np.flatnonzero((self.found.image_index == image) & shown)
        objects = np.flatnonzero((self.truth.image_index == image) & self.matching.counted)
        return rows, self.matching.outcome[rows] == HIT, objects


def best_thresholds(curves: list[Curve]) -> NDArray[Any]:
    """float64 (C,), the threshold of the best F1 of each class; NaN for one without hits."""
    return np.array([each.best().threshold for each in curves])


def analyse(
    found: Detections, truth: GroundTruth, classes: tuple[str, ...], *, edge_px: int = 1
) -> Analysis:
    """Analyse what a detector found, at the threshold of the best F1 of each class.

    A class without a right detection has no such threshold, and is counted at WITHOUT_BEST.

    Args:
        found: of a data set, without images that were left out; in pixels of the images.
        truth: of the same.
        classes: names in label order.
        edge_px: as of `CocoTruth`.

    Raises:
        DataError: a detection has a class number that `classes` does not have.
    """
    check_labels(found, len(classes))
    found = found.only(found.scores >= SCORE_FLOOR)
    pairs = overlapping_pairs(found, truth, edge_px=edge_px)
    matching = match(found, truth, pairs)
    curves = class_curves(found, truth, matching, len(classes))
    best = best_thresholds(curves)
    thresholds = np.where(np.isnan(best), WITHOUT_BEST, best)
    shown = shown_detections(found, thresholds)
    # mAP is over all scores, and so is what an error costs in it.
    every_error = error_kinds(found, truth, pairs, matching)
    return Analysis(
        classes=classes,
        found=found,
        truth=truth,
        pairs=pairs,
        matching=matching,
        curves=curves,
        best=best,
        thresholds=thresholds,
        points=[each.at(t) for each, t in zip(curves, thresholds.tolist(), strict=True)],
        confusion=confusion_matrix(found, truth, pairs, matching, thresholds),
        errors=error_kinds(found, truth, pairs.only(shown[pairs.found]), matching.of_shown(shown)),
        costs=error_costs(found, truth, matching, every_error, len(classes)),
        sizes=size_bins(found, truth, pairs, thresholds, edge_px=edge_px),
        shapes=shape_bins(found, truth, pairs, thresholds, edge_px=edge_px),
        reliability=score_reliability(found.scores, matching.outcome),
    )
