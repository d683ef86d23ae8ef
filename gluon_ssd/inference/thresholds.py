"""Which scores are high enough: one threshold for all classes, or one for each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.models.record import ModelRecord

USUAL_THRESHOLD = 0.5

Threshold = float | tuple[float, ...]
"""Of all classes, or of each in label order."""


def own_threshold(record: ModelRecord | None) -> Threshold:
    """What the files of a detector say, or else the usual one."""
    return record.thresholds if record and record.thresholds else USUAL_THRESHOLD


def reached(labels: NDArray[Any], scores: NDArray[Any], threshold: Threshold) -> NDArray[Any]:
    """bool (K,), which of the objects of labels (K,) and scores (K,) are to be shown.

    Labels below 0 are of empty rows, and what stands for them does not matter.
    """
    least: Any = threshold
    if isinstance(threshold, tuple):
        least = np.array(threshold, np.float32)[labels.astype(np.int64)]
    high: NDArray[Any] = scores >= least
    return high


def in_words(threshold: Threshold) -> str:
    """How a message names it."""
    if isinstance(threshold, tuple):
        return f"{min(threshold):.2f} to {max(threshold):.2f}, for each class its own"
    return f"{threshold:.2f}"
