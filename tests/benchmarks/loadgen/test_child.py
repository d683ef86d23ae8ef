"""A scenario over a detector of NumPy alone, and a small data set."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.benchmarks.loadgen import child
from gluon_ssd.benchmarks.loadgen.command import loadgen
from gluon_ssd.detection.preprocessing import Preprocessing
from gluon_ssd.errors import DataError, EnvironmentProblem, OptionError
from gluon_ssd.options.benchmark_loadgen import LoadgenBenchmark, LoadgenOptions
from gluon_ssd.options.shared import DataOptions
from tests.commands.builders import FixedModel

pytestmark = pytest.mark.loadgen


@pytest.fixture
def given(data, out):
    """Options of a run over the three images of a custom set."""
    loadgen = LoadgenOptions(
        model_prefix="m", min_duration=0.1, min_queries=5, output=str(out), performance_count=2
    )
    return loadgen, DataOptions(dataset="custom", dataset_root=str(data), num_workers=0)


def test_accuracy_is_the_score_of_the_logged_answers(given, out):
    loadgen, data = given
    # Half of the truth of images with objects: a dog at (3, 5, 40, 50) of 80 x 60 px.
    box = np.array([2, 4, 39, 49]) / [80, 60, 80, 60] * [100, 50, 100, 50]
    model = FixedModel([[1, 0.9, *box]])
    options = LoadgenOptions(**{**vars(loadgen), "mode": "accuracy", "scenario": "Offline"})
    found = child.run_scenario(options, data, model)
    assert 0.3 < found["mAP"] < 0.6 and found["summary"] == {}
    assert found["settings"]["num_images"] == 3 and found["settings"]["in_memory"] == 2
    assert len(json.loads((out / "mlperf_log_accuracy.json").read_text())) == 3


def test_speed_is_loadgens_summary(given):
    loadgen, data = given
    found = child.run_scenario(loadgen, data, FixedModel([]))
    assert found["mAP"] is None and found["settings"]["scenario"] == "SingleStream"
    assert found["summary"]["Scenario"] == "SingleStream"
    assert float(found["summary"]["Mean latency (ms)"]) > 0


def test_the_rate_of_a_server_is_below_that_of_the_trial_or_the_one_asked_for(given):
    loadgen, data = given
    model = FixedModel([])
    for asked in (0.0, 30.0):
        options = LoadgenOptions(
            **{**vars(loadgen), "scenario": "Server", "target_qps": asked, "batch_size": 2}
        )
        found = child.run_scenario(options, data, model)
        assert found["settings"]["rate"] == asked or (asked == 0 and found["settings"]["rate"] > 0)


def test_logs_that_are_not_there_or_broken_are_one_line(tmp_path):
    with pytest.raises(EnvironmentProblem, match="^LoadGen did not write .*accuracy.json$"):
        child._accuracy_log(tmp_path)
    (tmp_path / "mlperf_log_accuracy.json").write_text("[{")
    with pytest.raises(EnvironmentProblem, match="accuracy.json is not whole"):
        child._accuracy_log(tmp_path)


def test_the_command_runs_it_in_a_process_of_its_own(given, prefix, data, out):
    options = LoadgenBenchmark(
        LoadgenOptions(**{**vars(given[0]), "model_prefix": str(prefix), "mode": "accuracy"}),
        given[1],
    )
    text = loadgen(options)
    assert "| mAP " in text and text.endswith(f"log files: {out}")
    results = json.loads((out / "results.json").read_text())
    assert results["options"]["model_prefix"] == str(prefix) and 0 <= results["mAP"] <= 1


def test_an_error_of_the_process_is_ours(given, prefix, tmp_path):
    missing = DataOptions(dataset="custom", dataset_root=str(tmp_path / "none"), num_workers=0)
    with pytest.raises(DataError):
        loadgen(
            LoadgenBenchmark(
                LoadgenOptions(**{**vars(given[0]), "model_prefix": str(prefix)}), missing
            )
        )


def test_what_is_said_of_the_pixels_reaches_the_reader(monkeypatch):
    asked = {}
    monkeypatch.setattr(child, "load_detector", lambda _, **given: asked.update(given))
    options = LoadgenOptions(model_prefix="x/model_algo_1", preprocessing="rgb_0_255")
    child._model(options)
    assert asked["told"].preprocessing == Preprocessing("rgb_0_255")


def test_a_mean_without_its_kind_is_refused():
    with pytest.raises(OptionError, match="--mean-rgb has no effect without"):
        LoadgenOptions(model_prefix="m", mean_rgb="1,2,3")
