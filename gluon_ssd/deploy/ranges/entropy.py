"""Where to cut a distribution off before it is rounded to few levels, by relative entropy.

After S. Migacz, "8-bit inference with TensorRT" (GTC 2017): of all cuts, take the one whose
rounded values are distributed most like the values before, in the sense of Kullback and Leibler.
"""

from __future__ import annotations

import numpy as np

_BLOCK = 256
"""Cuts scored at once; bounds the memory."""


def best_cut(counts: np.ndarray, levels: int) -> int:
    """Choose how many bins of a histogram of magnitudes to keep.

    The kept bins are `levels` + 1/2 steps wide, and magnitudes are rounded to whole steps, at most
    `levels`, as MXNet's integer operators do; larger ones become the largest. Cuts of fewer bins
    than levels are not tried, for nothing would be rounded there, nor cuts behind an empty bin,
    for they keep the same values as a narrower one with coarser steps.

    Args:
        counts: (bins,), how many magnitudes fall into each bin of equal width, from 0 on. Exact
            zeros must be left out: every cut keeps them as they are, and they are so many behind a
            ReLU that they would hide everything else.
        levels: number of the largest integer: 127 for signed, 255 for unsigned ones.

    Returns:
        Number of bins kept; of equally good cuts the widest. All of them when none holds anything,
        and all that hold something when these are fewer than the levels.
    """
    counts = np.asarray(counts, np.float64)
    filled = np.flatnonzero(counts) + 1
    if len(filled) == 0:
        return len(counts)
    cuts = filled[filled >= levels]
    if len(cuts) == 0:
        return int(filled[-1])
    divergences = np.concatenate(
        [
            _divergences(counts, cuts[start : start + _BLOCK], levels)
            for start in range(0, len(cuts), _BLOCK)
        ]
    )
    return int(cuts[::-1][divergences[::-1].argmin()])


def _divergences(counts: np.ndarray, cuts: np.ndarray, levels: int) -> np.ndarray:
    """Relative entropy of each cut, from running sums: time goes with levels, not with bins.

    P is the kept part of the histogram with all that was cut off added to its last bin. Q holds
    the kept part alone; each level spreads what it gets evenly over those of its bins that hold
    something. What is cut off thus counts against a cut by making P and Q differ in the last bin.
    """
    before = _running(counts)
    logs_before = _running(_times_log(counts))
    filled_before = _running(counts > 0)
    edges = _level_edges(cuts, levels)
    mass = np.diff(before[edges], axis=1)
    filled = np.diff(filled_before[edges], axis=1)
    total, kept, last = before[-1], before[cuts], counts[cuts - 1]
    lost = total - kept
    # sum of P log P, times the total
    p_log_p = logs_before[cuts - 1] + _times_log(last + lost) - total * np.log(total)
    spread = np.log(np.where(filled > 0, mass / np.maximum(filled, 1), 1.0))
    # The last kept bin holds something, and lies in the last level.
    p_log_q = (mass * spread).sum(axis=1) + lost * spread[:, -1]
    p_log_q -= total * np.log(kept)
    return (p_log_p - p_log_q) / total


def _running(values: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])


def _times_log(values: np.ndarray) -> np.ndarray:
    return values * np.log(np.maximum(values, 1.0))


def _level_edges(cuts: np.ndarray, levels: int) -> np.ndarray:
    """(cuts, levels + 2): number of the first bin of each level, and the end of the last.

    A bin belongs to the level its middle is rounded to; ties go up.
    """
    # Bin n is of level m or more when (n + 1/2) / cut * (levels + 1/2) >= m - 1/2.
    steps = 2 * levels + 1
    excess = 2 * cuts[:, None] * (2 * np.arange(levels + 1) - 1) - steps
    edges = -(-excess // (2 * steps))
    return np.concatenate([np.maximum(edges, 0), cuts[:, None]], axis=1)
