"""Whether scores mean what they say: of detections with score 0.8, are 80 % right?

Source: expected calibration error, Naeini et al., AAAI 2015; Guo et al., ICML 2017, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.evaluation.analysis.matching import HIT, IGNORED

NUM_BINS = 10


@dataclass(frozen=True)
class Reliability:
    """Scores and how often they are right, in B ranges of equal width from 0 to 1.

    | name      | shape | dtype   | meaning                                    |
    |-----------|-------|---------|--------------------------------------------|
    | counts    | (B,)  | int64   | detections                                 |
    | mean_score| (B,)  | float64 | their mean score; NaN without any          |
    | precision | (B,)  | float64 | share of them that is right; NaN without   |
    """

    counts: NDArray[Any]
    mean_score: NDArray[Any]
    precision: NDArray[Any]

    @property
    def expected_error(self) -> float:
        """Mean distance of score and precision over all detections; NaN without any."""
        total = int(self.counts.sum())
        if not total:
            return float("nan")
        used = self.counts > 0
        gaps = np.abs(self.mean_score[used] - self.precision[used])
        return float(np.sum(self.counts[used] * gaps) / total)


def score_reliability(
    scores: NDArray[Any], outcome: NDArray[Any], num_bins: int = NUM_BINS
) -> Reliability:
    """Compare the scores of detections with how often they are right.

    Args:
        scores: float (N,), in [0, 1].
        outcome: int (N,), as of `Matching`; ignored ones are left out.
        num_bins: ranges.
    """
    counted = outcome != IGNORED
    scores, is_hit = scores[counted].astype(np.float64), outcome[counted] == HIT
    place = np.minimum((scores * num_bins).astype(np.int64), num_bins - 1)
    counts = np.bincount(place, minlength=num_bins)
    with np.errstate(invalid="ignore"):
        mean_score = np.bincount(place, scores, num_bins) / counts
        precision = np.bincount(place, is_hit.astype(np.float64), num_bins) / counts
    return Reliability(counts, mean_score, precision)
