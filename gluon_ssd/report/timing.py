"""Time a callable: latency statistics, fair comparison of two."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

DRY_RUNS = 5
"""Calls before the clock counts, as in the legacy benchmark."""


@dataclass(frozen=True)
class LatencyStatistics:
    """Wall time of one call, in milliseconds.

    Attributes:
        median_ms, p90_ms, p99_ms, mean_ms: over all timed calls.
        count: how many calls were timed.
    """

    median_ms: float
    p90_ms: float
    p99_ms: float
    mean_ms: float
    count: int

    def __str__(self) -> str:
        return f"median {self.median_ms:.2f} ms, p90 {self.p90_ms:.2f} ms, p99 {self.p99_ms:.2f} ms"


@dataclass(frozen=True)
class Comparison:
    """Two callables timed in turns.

    Attributes:
        first, second: their statistics.
        ratio: time of the second over that of the first, within one turn; the median of all turns.
            Below 1 the second is faster.
        low, high: 10th and 90th percentile of the same.
    """

    first: LatencyStatistics
    second: LatencyStatistics
    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        return (
            f"{self.first.median_ms:.2f} ms -> {self.second.median_ms:.2f} ms, "
            f"{self.ratio:.3f}x the time ({self.low:.3f} to {self.high:.3f} in one turn)"
        )


def latency_statistics(seconds: Sequence[float] | np.ndarray) -> LatencyStatistics:
    """Statistics of single call times given in seconds; at least one is needed."""
    times_ms = 1000.0 * np.asarray(seconds, np.float64)
    median, p90, p99 = map(float, np.percentile(times_ms, [50, 90, 99]))
    return LatencyStatistics(median, p90, p99, float(times_ms.mean()), len(times_ms))


def measure_latency(
    run: Callable[[Any], Any], inputs: Sequence[Any], *, iterations: int, warmup: int = DRY_RUNS
) -> LatencyStatistics:
    """Time single calls, each until its results are there.

    Args:
        run: takes one input; may return before the results are ready, as MXNet does.
        inputs: taken in turn.
        iterations: timed calls.
        warmup: calls before, not timed.
    """
    return latency_statistics(_times([run], inputs, iterations, warmup)[:, 0])


def compare(
    first: Callable[[Any], Any],
    second: Callable[[Any], Any],
    inputs: Sequence[Any],
    *,
    iterations: int,
    warmup: int = DRY_RUNS,
) -> Comparison:
    """Time two callables on the same inputs in turns, so that both meet the same disturbances."""
    times = _times([first, second], inputs, iterations, warmup)
    one, other = latency_statistics(times[:, 0]), latency_statistics(times[:, 1])
    low, ratio, high = np.percentile(times[:, 1] / times[:, 0], [10, 50, 90])
    return Comparison(one, other, float(ratio), float(low), float(high))


def finish(outputs: Any) -> None:
    """Wait for one MXNet array or for a nest of them; anything else is ready already."""
    if isinstance(outputs, (list, tuple)):
        for output in outputs:
            finish(output)
    elif hasattr(outputs, "wait_to_read"):
        outputs.wait_to_read()


def _seconds(run: Callable[[Any], Any], argument: Any) -> float:
    start = time.perf_counter()
    finish(run(argument))
    return time.perf_counter() - start


def _times(
    runs: Sequence[Callable[[Any], Any]], inputs: Sequence[Any], iterations: int, warmup: int
) -> np.ndarray:
    """Times of the calls after the warm-up, float64 (iterations, len(runs))."""
    numbers = (*range(warmup), *range(iterations))
    times = [[_seconds(run, inputs[number % len(inputs)]) for run in runs] for number in numbers]
    return np.array(times[warmup:])
