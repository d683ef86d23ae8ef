"""The data benchmark on pipelines of known cost."""

from __future__ import annotations

import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from gluon_ssd.benchmarks.data import (
    _one_thread,
    images_per_second,
    measure_data_pipelines,
)


def busy_for(milliseconds, seen):
    def pipeline(number):
        seen.append(number)
        end = time.process_time() + milliseconds / 1000
        while time.process_time() < end:
            pass

    return pipeline


def test_known_costs_are_measured_in_turns():
    seen = []
    result = measure_data_pipelines(busy_for(2, seen), busy_for(6, seen), num_images=4, rounds=3)
    assert seen == [0, 0] + [0, 1, 2, 3] * 6
    assert result["ours_ms"] == pytest.approx(2, rel=0.2)
    assert result["original_ms"] == pytest.approx(6, rel=0.2)
    assert result["ratio_low"] <= result["ratio"] <= result["ratio_high"]
    assert result["ratio"] == pytest.approx(3, rel=0.3)
    assert (result["images"], result["rounds"]) == (4, 3)


def test_sleeping_costs_no_cpu_time():
    result = measure_data_pipelines(
        lambda _: time.sleep(0.02), busy_for(2, []), num_images=2, rounds=1
    )
    assert result["ours_ms"] < 2


def test_threads_of_opencv_are_put_back():
    cv2.setNumThreads(2)
    inside = []
    measure_data_pipelines(
        lambda _: inside.append(cv2.getNumThreads()), busy_for(1, []), num_images=1, rounds=1
    )
    assert set(inside) == {1} and cv2.getNumThreads() == 2


@pytest.mark.parametrize(("batch_size", "expected"), [(8, 800), (16, 1600)])
def test_loader_throughput_leaves_out_the_first_batch(monkeypatch, batch_size, expected):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(time, "perf_counter", lambda: clock.now)

    def batches():
        for seconds in (
            0.3,
            0.01,
            0.01,
            0.01,
            0.01,
        ):  # the start of the workers, then one each 10 ms
            clock.now += seconds
            yield SimpleNamespace(indices=np.arange(batch_size))

    assert images_per_second(batches()) == pytest.approx(expected)


def test_one_thread_is_given_back_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        with _one_thread():
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)
