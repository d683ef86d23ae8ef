"""A histogram of magnitudes that grows with the values it is given and never forgets a count."""

from __future__ import annotations

import math

import numpy as np

NUM_BINS = 8192
"""Half of them at least are in use, so that 255 levels are 16 bins wide or more."""

_LEAST_EXPONENT = -100  # keeps 1 / width a float32


class Histogram:
    """Counts |x| in equal bins from 0 on; memory does not depend on the number of values.

    The width of a bin is the least power of two with which all values fit. When a larger value
    comes, pairs of bins are joined, which loses nothing: the counts are those that the final width
    would have given from the start, so neither the order of the values nor their grouping matters.

    Attributes:
        counts: int64 (NUM_BINS,), without the exact zeros.
        zeros: number of exact zeros.
        width: of a bin; 0.0 as long as all values are zero.
        lowest: the least value, with its sign; inf before the first.
        highest: the largest value; -inf before the first.
    """

    def __init__(self) -> None:
        self.counts = np.zeros(NUM_BINS, np.int64)
        self.zeros = 0
        self.width = 0.0
        self.lowest = math.inf
        self.highest = -math.inf

    def add(self, values: np.ndarray) -> None:
        """Count the values of an array of any shape; they must be finite."""
        if values.size == 0:
            return
        magnitudes = np.abs(values, dtype=np.float32).ravel()
        self.lowest = min(self.lowest, float(values.min()))
        self.highest = max(self.highest, float(values.max()))
        self._widen(float(magnitudes.max()))
        zeros = magnitudes.size - int(np.count_nonzero(magnitudes))
        self.zeros += zeros
        if self.width:
            # A power of two scales without rounding, so no value gets into the wrong bin.
            bins = (magnitudes * np.float32(1 / self.width)).astype(np.int32)
            self.counts += np.bincount(bins, minlength=NUM_BINS)
            self.counts[0] -= zeros

    @property
    def largest_magnitude(self) -> float:
        """Of all values so far."""
        return max(-self.lowest, self.highest)

    def _widen(self, magnitude: float) -> None:
        if magnitude < NUM_BINS * self.width or magnitude == 0:
            return
        # magnitude < 2 ** exponent, so it falls below NUM_BINS bins of this width.
        _, exponent = math.frexp(magnitude)
        width = 2.0 ** max(exponent - (NUM_BINS.bit_length() - 1), _LEAST_EXPONENT)
        while 0 < self.width < width:
            joined = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.concatenate([joined, np.zeros_like(joined)])
            self.width *= 2
        self.width = width
