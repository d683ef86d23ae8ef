from __future__ import annotations

import time

import numpy as np
import pytest

from gluon_ssd.report import timing as benchmark


class Pending:
    """A result that is ready some time after it was asked for, like an MXNet array."""

    def __init__(self, seconds):
        self.ready_at = time.perf_counter() + seconds

    def wait_to_read(self):
        time.sleep(max(0.0, self.ready_at - time.perf_counter()))


def test_statistics_of_known_times():
    statistics = benchmark.latency_statistics([i / 1000 for i in range(1, 102)])
    assert statistics.median_ms == pytest.approx(51)
    assert statistics.p90_ms == pytest.approx(91)
    assert statistics.p99_ms == pytest.approx(100)
    assert statistics.mean_ms == pytest.approx(51)
    assert statistics.count == 101
    assert str(statistics) == "median 51.00 ms, p90 91.00 ms, p99 100.00 ms"


def test_latency_counts_until_results_are_there_and_leaves_out_dry_runs():
    calls = []

    def run(argument):
        calls.append(argument)
        return [Pending(0.2 if len(calls) <= 2 else 0.01)]

    statistics = benchmark.measure_latency(run, ["a", "b"], iterations=3, warmup=2)
    assert calls == ["a", "b", "a", "b", "a"]
    assert statistics.count == 3
    assert 10 <= statistics.median_ms < 100


def test_comparison_runs_in_turns_and_gives_the_ratio():
    order = []

    def runner(name, seconds):
        def run(_):
            order.append(name)
            return Pending(seconds)

        return run

    result = benchmark.compare(
        runner("slow", 0.03), runner("fast", 0.01), [None], iterations=3, warmup=1
    )
    assert order == ["slow", "fast"] * 4
    assert 0.2 < result.ratio < 0.6
    assert result.low <= result.ratio <= result.high
    assert "x the time" in str(result)


def test_ratio_is_that_of_one_turn_and_the_median_of_all(monkeypatch):
    seconds = iter([4, 1, 6, 3, 10, 1])  # first, second, first, ...
    monkeypatch.setattr(benchmark, "_seconds", lambda run, argument: next(seconds))
    result = benchmark.compare(min, max, [[0]], iterations=3, warmup=0)
    assert (result.first.median_ms, result.second.median_ms) == (6000, 1000)
    # 1/4, 1/2 and 1/10; 1000 over 6000 would be another turn's time over another's.
    assert (result.ratio, result.low, result.high) == pytest.approx((0.25, 0.13, 0.45))


def test_peak_memory_grows_with_what_is_held():
    before = benchmark.peak_memory_mib()
    held = np.ones(64 << 20, np.uint8)
    assert benchmark.peak_memory_mib() >= before
    assert benchmark.peak_memory_mib() > 64
    assert held[-1] == 1


@pytest.mark.parametrize(("value", "expected"), [("3", 3), ("5,2", 5)])
def test_threads_follow_the_environment(value, expected, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert benchmark.compute_threads() == expected


@pytest.mark.parametrize("value", ["", "0", "many"])
def test_threads_without_a_wish_are_half_of_the_processors(value, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    monkeypatch.setattr(benchmark.os, "sched_getaffinity", lambda _: {0, 3, 5, 7})
    assert benchmark.compute_threads() == 2
