from __future__ import annotations

import time
from dataclasses import asdict

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


def test_statistics_by_hand() -> None:
    statistics = benchmark.latency_statistics([0.003, 0.001])
    # Percentiles lie between the two: 1 + 0.9 * 2 and 1 + 0.99 * 2.
    assert asdict(statistics) == pytest.approx(
        {"median_ms": 2, "p90_ms": 2.8, "p99_ms": 2.98, "mean_ms": 2, "count": 2}
    )


def test_five_dry_runs_are_the_default() -> None:
    calls: list[str] = []
    benchmark.measure_latency(calls.append, ["a", "b", "c"], iterations=2)
    assert calls == ["a", "b", "c", "a", "b", "a", "b"]
    calls.clear()
    benchmark.compare(calls.append, calls.append, ["a", "b"], iterations=1)
    assert calls == [name for name in "ababaa" for _ in range(2)]


def test_a_comparison_takes_the_inputs_in_turn() -> None:
    calls: list[tuple[str, str]] = []
    benchmark.compare(
        lambda name: calls.append(("first", name)),
        lambda name: calls.append(("second", name)),
        ["a", "b"],
        iterations=3,
        warmup=0,
    )
    assert calls == [(run, name) for name in "aba" for run in ("first", "second")]


def test_a_comparison_shows_the_medians_and_the_ratio() -> None:
    first = benchmark.latency_statistics([0.004])
    second = benchmark.latency_statistics([0.001])
    text = str(benchmark.Comparison(first, second, 0.25, 0.2, 0.3))
    assert text == "4.00 ms -> 1.00 ms, 0.250x the time (0.200 to 0.300 in one turn)"


def test_finish_waits_for_every_array_of_a_nest() -> None:
    waited: list[str] = []

    class Result:
        def __init__(self, name: str) -> None:
            self.name = name

        def wait_to_read(self) -> None:
            waited.append(self.name)

    benchmark.finish([Result("a"), (Result("b"), [Result("c"), 3]), None])
    benchmark.finish(Result("d"))
    assert waited == ["a", "b", "c", "d"]
