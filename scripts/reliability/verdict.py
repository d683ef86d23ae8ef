"""Whether what a long run uses stays flat.

Memory is flat where the straight line through its samples, without those of the first quarter, in
which everything warms up, rises by less than MOST_MB or MOST_SHARE over them. Counts are flat where
nine of ten samples of the last quarter are not above nine of ten of the second one: a file that is
open for a moment is no growth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_MB = 20.0
MOST_SHARE = 0.02
USUAL = 0.9
FEWEST = 8
"""Samples below which nothing is said."""


@dataclass(frozen=True)
class Verdict:
    """Of one curve.

    Attributes:
        name: of what is measured.
        first, last: of memory the ends of the line, in MB; of counts what nine of ten samples
            of the second and of the last quarter do not exceed.
        is_flat: None where there are too few samples.
    """

    name: str
    first: float
    last: float
    is_flat: bool | None

    def __str__(self) -> str:
        word = {True: "flat", False: "GROWS", None: "too short"}[self.is_flat]
        return f"{self.name:<34} {self.first:10.1f} -> {self.last:10.1f}  {word}"


def memory(name: str, times_s: Sequence[float], values_mb: Sequence[float]) -> Verdict:
    """Judge samples of memory; times rise."""
    times, values = _after(times_s, values_mb, 0.25, 1.0)
    if len(values) < FEWEST:
        return Verdict(name, 0.0, 0.0, None)
    slope, start = np.polyfit(times - times[0], values, 1)
    first, last = float(start), float(start + slope * (times[-1] - times[0]))
    return Verdict(name, first, last, last - first < max(MOST_MB, MOST_SHARE * first))


def count(name: str, times_s: Sequence[float], values: Sequence[float]) -> Verdict:
    """Judge samples of a number of things."""
    early, late = (_after(times_s, values, *part)[1] for part in ((0.25, 0.5), (0.75, 1.0)))
    if len(early) + len(late) < FEWEST or not len(early) or not len(late):
        return Verdict(name, 0.0, 0.0, None)
    first, last = (float(np.quantile(part, USUAL, method="lower")) for part in (early, late))
    return Verdict(name, first, last, last <= first)


def _after(
    times_s: Sequence[float], values: Sequence[float], begin: float, end: float
) -> tuple[np.ndarray, np.ndarray]:
    """The samples between two shares of the time."""
    times, numbers = np.asarray(times_s, float), np.asarray(values, float)
    if not len(times):
        return times, numbers
    share = (times - times[0]) / max(times[-1] - times[0], 1e-9)
    chosen = (share >= begin) & (share <= end)
    return times[chosen], numbers[chosen]
