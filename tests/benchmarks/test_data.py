"""The data benchmark on pipelines of known cost, and GluonCV's real one on a tiny data set."""

from __future__ import annotations

import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from gluon_ssd.benchmarks.data import (
    _one_thread,
    measure_data_pipelines,
    measure_loader,
    original_pipeline,
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
    result = measure_data_pipelines(busy_for(2, seen), busy_for(6, seen), num_images=4, repeats=3)
    assert seen == [0, 0] + [0, 1, 2, 3] * 6
    assert result["ours_ms"] == pytest.approx(2, rel=0.2)
    assert result["original_ms"] == pytest.approx(6, rel=0.2)
    assert result["ratio_low"] <= result["ratio"] <= result["ratio_high"]
    assert result["ratio"] == pytest.approx(3, rel=0.3)
    assert (result["images"], result["rounds"]) == (4, 3)


def test_sleeping_costs_no_cpu_time():
    result = measure_data_pipelines(
        lambda _: time.sleep(0.02), busy_for(2, []), num_images=2, repeats=1
    )
    assert result["ours_ms"] < 2


def test_threads_of_opencv_are_put_back():
    cv2.setNumThreads(2)
    inside = []
    measure_data_pipelines(
        lambda _: inside.append(cv2.getNumThreads()), busy_for(1, []), num_images=1, repeats=1
    )
    assert set(inside) == {1} and cv2.getNumThreads() == 2


def test_the_original_pipeline_runs(tiny_voc):
    paths = [str(tiny_voc / f"VOC2007/JPEGImages/{stem}.jpg") for stem in ("000001", "000002")]
    labels = [np.array([(10, 5, 50, 45, 11, 0)], np.float32)] * 2
    anchors = np.random.default_rng(0).uniform(10, 60, (30, 4)).astype(np.float32)
    pipeline = original_pipeline(paths, labels, anchors_center_px=anchors, size_hw=(32, 48))
    result = measure_data_pipelines(lambda _: None, pipeline, num_images=2, repeats=1)
    assert result["original_ms"] > 0.2
    assert labels[0].tolist() == [[10, 5, 50, 45, 11, 0]]


def test_loader_throughput_leaves_out_the_first_batch():
    def open_batches(workers):
        time.sleep(0.3)
        for _ in range(5):
            time.sleep(0.01)
            yield SimpleNamespace(indices=np.arange(8 * (workers + 1)))

    result = measure_loader(open_batches, (0, 1))
    # At most 8 images each 10 ms.
    assert 400 < result["images/s with 0 workers"] <= 800
    assert 800 < result["images/s with 1 workers"] <= 1600


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
