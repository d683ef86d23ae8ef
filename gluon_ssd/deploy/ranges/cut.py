"""The range in which the values of a tensor are rounded."""

from __future__ import annotations

from gluon_ssd.deploy.ranges.entropy import best_cut
from gluon_ssd.deploy.ranges.histogram import Histogram

Range = tuple[float, float]
"""Least and largest value."""

SIGNED_LEVELS, UNSIGNED_LEVELS = 127, 255
"""The largest integer a magnitude is rounded to; values that are never negative get the second."""


def entropy_range(histogram: Histogram) -> Range:
    """The range to quantise in, cut by relative entropy; see `best_cut`."""
    is_signed = histogram.lowest < 0
    kept = best_cut(histogram.counts, SIGNED_LEVELS if is_signed else UNSIGNED_LEVELS)
    top = min(kept * histogram.width, histogram.largest_magnitude)
    return -top if is_signed else 0.0, top
