"""Two detectors image by image, counted at the same thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.evaluation.analysis.analysis import WITHOUT_BEST, Analysis
from gluon_ssd.evaluation.analysis.per_image import ImageCounts, image_counts, images_by_change


@dataclass(frozen=True)
class Comparison:
    """What two detectors make of each image.

    Attributes:
        thresholds: float64 (C,), the smallest score of each class that counts, for both.
        before, now: what each image comes to there.
    """

    thresholds: NDArray[Any]
    before: ImageCounts
    now: ImageCounts

    @property
    def worse(self) -> list[int]:
        """Images with more mistakes than before, the worst change first."""
        order = images_by_change(self.now, self.before)
        return [i for i in order.tolist() if self.now.mistakes[i] > self.before.mistakes[i]]

    @property
    def better(self) -> list[int]:
        """Images with fewer mistakes than before, the best change first."""
        order = images_by_change(self.before, self.now)
        return [i for i in order.tolist() if self.now.mistakes[i] < self.before.mistakes[i]]

    def in_words(self) -> str:
        """How many images got worse, better and neither."""
        worse, better, count = len(self.worse), len(self.better), len(self.now.mistakes)
        return (
            f"{worse} of {count} images got worse, {better} better, "
            f"{count - worse - better} are the same"
        )


def compare(now: Analysis, before: Analysis) -> Comparison:
    """Compare two detectors on one data set.

    Both are counted at the mean of their two best thresholds of each class, since counts at two
    thresholds would differ where the detectors do not, and the other way round would be no mirror
    image. Where one has no best threshold, that of the other stands, and WITHOUT_BEST where both
    have none.
    """
    both = np.stack([now.best, before.best])
    known = ~np.isnan(both)
    sums, counts = np.where(known, both, 0).sum(axis=0), known.sum(axis=0)
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), WITHOUT_BEST)
    of_before, of_now = (
        image_counts(each.found, each.truth, each.matching, thresholds) for each in (before, now)
    )
    return Comparison(thresholds, of_before, of_now)
