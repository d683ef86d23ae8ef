"""Several ways to do the same work, run in turns so that all meet the same disturbances."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

Result = TypeVar("Result")


def take_turns(
    ways: Mapping[str, Callable[[int], Result]], rounds: int, *, warmup: int = 0
) -> dict[str, list[Result]]:
    """Run every way once in each round.

    Args:
        ways: name -> callable of the number of the round.
        rounds: how many count.
        warmup: rounds before them, whose results are dropped.

    Returns:
        name -> one result a round.
    """
    results: dict[str, list[Result]] = {name: [] for name in ways}
    for number in range(warmup + rounds):
        for name, way in ways.items():
            results[name].append(way(number))
    return {name: found[warmup:] for name, found in results.items()}


def ratio_facts(ours: Sequence[float], original: Sequence[float]) -> dict[str, float]:
    """ratio, the original's over ours within one round, as the median of all; ratio_low and
    ratio_high, the extremes."""
    ratios = np.divide(original, ours)
    return {
        "ratio": float(np.median(ratios)),
        "ratio_low": float(ratios.min()),
        "ratio_high": float(ratios.max()),
    }
