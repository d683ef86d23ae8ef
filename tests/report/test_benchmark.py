from __future__ import annotations

import json
import time

import numpy as np
import pytest

from gluon_ssd.report import benchmark
from gluon_ssd.report.eval_benchmark import compare_evaluations
from gluon_ssd.report.tables import json_rows, markdown_table


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
def test_threads_without_a_wish_are_the_usable_cores(value, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    monkeypatch.setattr(benchmark.os, "sched_getaffinity", lambda _: {0, 3, 5})
    assert benchmark.compute_threads() == 3


def test_markdown_table():
    rows = [{"way": "original", "s": 35.312345}, {"way": "a|b", "s": 9, "note": "x"}]
    assert markdown_table(rows) == (
        "| way      |     s | note |\n"
        "| -------- | ----: | ---- |\n"
        "| original | 35.31 |      |\n"
        "| a\\|b     |     9 | x    |\n"
    )
    assert markdown_table([]) == ""


def test_json_rows_hold_no_nan():
    assert json.loads(json_rows([{"a": float("nan"), "b": 1.5}])) == [{"a": None, "b": 1.5}]


def test_evaluations_are_compared_in_turns():
    order = []

    def way(name, seconds, score):
        def evaluate():
            order.append(name)
            time.sleep(seconds)
            return score

        return evaluate

    result = compare_evaluations(
        way("original", 0.04, 0.63854), way("ours", 0.01, 0.6385), num_images=8, rounds=2
    )
    assert order == ["original", "ours"] * 2
    assert 0.15 < result.ratio < 0.6
    original, ours = result.rows()
    assert (original["way"], original["mAP"], original["x the time"]) == ("original", 0.6385, 1.0)
    assert ours["x the time"] == pytest.approx(result.ratio)
    assert ours["images/s"] == pytest.approx(8 / ours["seconds"])
