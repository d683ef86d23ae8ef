"""Precision, recall and F1 of each class over the threshold on the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.evaluation.analysis.matching import HIT, IGNORED, Matching
from gluon_ssd.evaluation.detections import Detections, GroundTruth

_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Point:
    """What a class comes to when detections below `threshold` are left out.

    Attributes:
        threshold: smallest score that counts, in [0, 1]; NaN where the class has no detections.
        hits, false_alarms, missed: detections that are right, that are wrong, and objects that
            were not found.
    """

    threshold: float
    hits: int
    false_alarms: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of the detections that are right; NaN without any."""
        return _share(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> float:
        """Share of the objects that were found; NaN without any."""
        return _share(self.hits, self.hits + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN with neither detections nor objects."""
        return _share(2 * self.hits, 2 * self.hits + self.false_alarms + self.missed)


@dataclass(frozen=True)
class Curve:
    """A class over all thresholds; one row for each of its D different scores, falling.

    | name   | shape | dtype   | meaning                                     |
    |--------|-------|---------|---------------------------------------------|
    | scores | (D,)  | float64 | the score down to which detections count    |
    | hits   | (D,)  | int64   | right detections down to there              |
    | alarms | (D,)  | int64   | wrong ones                                  |

    Attributes:
        num_objects: objects that are asked for.
        average_precision: mean precision at 101 recalls, as COCO's AP50; NaN without objects.
    """

    scores: NDArray[Any]
    hits: NDArray[Any]
    alarms: NDArray[Any]
    num_objects: int
    average_precision: float

    @property
    def precision(self) -> NDArray[Any]:
        """float64 (D,)."""
        precision: NDArray[Any] = self.hits / np.maximum(self.hits + self.alarms, 1)
        return precision

    @property
    def recall(self) -> NDArray[Any]:
        """float64 (D,); 0 without objects."""
        recall: NDArray[Any] = self.hits / max(self.num_objects, 1)
        return recall

    @property
    def f1(self) -> NDArray[Any]:
        """float64 (D,)."""
        f1: NDArray[Any] = 2 * self.hits / np.maximum(self.hits + self.alarms + self.num_objects, 1)
        return f1

    def at(self, threshold: float) -> Point:
        """What the class comes to at a threshold."""
        last = int(np.searchsorted(-self.scores, -threshold, side="right")) - 1
        hits, alarms = (0, 0) if last < 0 else (int(self.hits[last]), int(self.alarms[last]))
        return Point(threshold, hits, alarms, self.num_objects - hits)

    def best(self) -> Point:
        """The threshold of the best F1; of equal ones the highest, which leaves out most.

        It lies in the middle between the last score that counts and the next one, so that it
        holds for scores that differ by a rounding. Without detections or hits it is NaN.
        """
        if not len(self.scores) or not self.hits[-1]:
            return Point(float("nan"), 0, 0, self.num_objects)
        place = int(np.argmax(self.f1))
        is_last = place + 1 == len(self.scores)
        low = self.scores[place] if is_last else self.scores[place + 1]
        return self.at(float((self.scores[place] + low) / 2))


def class_curves(
    found: Detections, truth: GroundTruth, matching: Matching, num_classes: int
) -> list[Curve]:
    """The curve of every class, in label order.

    Args:
        found, truth: of one data set.
        matching: of both.
        num_classes: foreground classes.
    """
    asked = truth.labels[matching.counted]
    return [
        curve(
            found.scores[found.labels == label],
            matching.outcome[found.labels == label],
            int(np.count_nonzero(asked == label)),
        )
        for label in range(num_classes)
    ]


def curve(scores: NDArray[Any], outcome: NDArray[Any], num_objects: int) -> Curve:
    """The curve of the detections of one class.

    Args:
        scores: float (N,), in the order of the data set.
        outcome: int (N,), as of `Matching`.
        num_objects: objects that are asked for.
    """
    counted = outcome != IGNORED
    scores, outcome = scores[counted].astype(np.float64), outcome[counted]
    order = np.argsort(-scores, kind="stable")
    scores, is_hit = scores[order], outcome[order] == HIT
    hits, alarms = np.cumsum(is_hit), np.cumsum(~is_hit)
    # No threshold lies between equal scores.
    ends = np.flatnonzero(np.diff(scores, append=-np.inf))
    return Curve(
        scores[ends],
        hits[ends],
        alarms[ends],
        num_objects,
        _average_precision(hits, alarms, num_objects),
    )


def mean_average_precision(curves: list[Curve]) -> float:
    """Mean over the classes with objects; NaN without any."""
    known = [each.average_precision for each in curves if each.num_objects]
    return float(np.mean(known)) if known else float("nan")


def _average_precision(hits: NDArray[Any], alarms: NDArray[Any], num_objects: int) -> float:
    """Mean over 101 recalls of the best precision at that recall or beyond; as pycocotools."""
    if not num_objects:
        return float("nan")
    if not len(hits):
        return 0.0
    precision = hits / (hits + alarms + np.spacing(1))
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(hits / num_objects, _RECALLS, side="left")
    reached = places < len(best)
    return float(np.sum(best[places[reached]]) / len(_RECALLS))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
