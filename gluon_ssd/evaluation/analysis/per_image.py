"""How each image went, and which went worse with another detector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.evaluation.analysis.confusion import shown_detections
from gluon_ssd.evaluation.analysis.matching import FALSE_ALARM, HIT, Matching
from gluon_ssd.evaluation.detections import Detections, GroundTruth


@dataclass(frozen=True)
class ImageCounts:
    """What was found in each image above the thresholds; I images.

    | name   | shape | dtype | meaning                        |
    |--------|-------|-------|--------------------------------|
    | hits   | (I,)  | int64 | objects that were found        |
    | alarms | (I,)  | int64 | detections that are wrong      |
    | missed | (I,)  | int64 | objects that were not found    |
    """

    hits: NDArray[Any]
    alarms: NDArray[Any]
    missed: NDArray[Any]

    @property
    def mistakes(self) -> NDArray[Any]:
        """int64 (I,), wrong detections and missed objects."""
        mistakes: NDArray[Any] = self.alarms + self.missed
        return mistakes


def image_counts(
    found: Detections, truth: GroundTruth, matching: Matching, thresholds: NDArray[Any]
) -> ImageCounts:
    """Count hits and mistakes of each image; `thresholds` as of `confusion_matrix`."""
    count = len(found.sizes_hw)
    shown = shown_detections(found, thresholds)

    def counted(rows: NDArray[Any]) -> NDArray[Any]:
        return np.bincount(rows, minlength=count).astype(np.int64)

    hits = counted(found.image_index[shown & (matching.outcome == HIT)])
    alarms = counted(found.image_index[shown & (matching.outcome == FALSE_ALARM)])
    asked = counted(truth.image_index[matching.counted])
    return ImageCounts(hits, alarms, asked - hits)


def images_by_change(ours: ImageCounts, theirs: ImageCounts) -> NDArray[Any]:
    """int64 (I,), images by how many mistakes more `ours` has than `theirs`, most first.

    Equal ones keep their order in the data set.
    """
    order: NDArray[Any] = np.argsort(theirs.mistakes - ours.mistakes, kind="stable")
    return order
