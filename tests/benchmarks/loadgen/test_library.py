"""Our settings in LoadGen's words, its summary, and short runs."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.benchmarks.loadgen import library
from gluon_ssd.benchmarks.loadgen.library import RunSettings, milliseconds, read_summary
from gluon_ssd.benchmarks.loadgen.samples import SampleLibrary
from gluon_ssd.errors import EnvironmentProblem, ModelError

SETTINGS = RunSettings(
    scenario="SingleStream",
    measures_accuracy=False,
    num_images=5,
    in_memory=3,
    min_duration_s=0.05,
    min_queries=10,
    latency_s=0.001,
    rate=200.0,
    limit_s=0.1,
    workers=2,
    batch_size=2,
)


@pytest.fixture
def samples() -> SampleLibrary:
    return SampleLibrary(lambda numbers: np.zeros((len(numbers), 3, 2, 2), np.float32))


def detect(numbers):
    return [np.float32([number]).tobytes() for number in numbers]


@pytest.mark.loadgen
def test_settings_are_loadgens():
    loadgen = library.import_loadgen()
    server = replace(SETTINGS, scenario="Server", measures_accuracy=True, min_duration_s=2.5)
    made = library.settings_of_loadgen(loadgen, server)
    assert made.scenario == loadgen.TestScenario.Server
    assert made.mode == loadgen.TestMode.AccuracyOnly
    assert (made.min_duration_ms, made.min_query_count) == (2500, 10)
    assert (made.server_target_qps, made.server_target_latency_ns) == (200.0, 100_000_000)
    assert made.performance_sample_count_override == 3


@pytest.mark.loadgen
@pytest.mark.parametrize("scenario", ["SingleStream", "Offline", "Server"])
def test_a_run_measures_speed_and_keeps_its_logs(tmp_path, samples, scenario):
    asked = []

    def noting(numbers):
        asked.extend(numbers)
        return detect(numbers)

    library.run_loadgen(replace(SETTINGS, scenario=scenario), noting, samples, tmp_path)
    facts = read_summary(tmp_path / "mlperf_log_summary.txt")
    assert facts["Scenario"] == scenario and facts["Result is"] in ("VALID", "INVALID")
    assert len(asked) >= 10 and set(asked) <= set(range(5))
    assert (tmp_path / "mlperf_log_detail.txt").stat().st_size > 0


@pytest.mark.loadgen
@pytest.mark.parametrize("scenario", ["SingleStream", "Offline", "Server"])
def test_a_run_for_accuracy_logs_every_image_once(tmp_path, samples, scenario):
    wanted = replace(SETTINGS, scenario=scenario, measures_accuracy=True)
    library.run_loadgen(wanted, detect, samples, tmp_path)
    log = json.loads((tmp_path / "mlperf_log_accuracy.json").read_text())
    found = {e["qsl_idx"]: np.frombuffer(bytes.fromhex(e["data"]), np.float32)[0] for e in log}
    assert len(log) == 5 and found == {number: number for number in range(5)}


@pytest.mark.loadgen
def test_an_error_of_the_detector_ends_in_one_here(tmp_path, samples):
    def refusing(numbers):
        raise ModelError("cannot run")

    with pytest.raises(ModelError, match="^cannot run$"):
        library.run_loadgen(replace(SETTINGS, measures_accuracy=True), refusing, samples, tmp_path)


def test_a_missing_package_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlperf_loadgen", None)
    with pytest.raises(EnvironmentProblem, match="install it with: bash .* --extras loadgen$"):
        library.import_loadgen()


def test_the_summary_is_read_up_to_the_settings(tmp_path):
    path = tmp_path / "summary.txt"
    path.write_text(
        "=====\nScenario : Offline\nSamples per second: 12.5\n  Min duration satisfied : Yes\n"
        "Mean latency (ns)  : 2500000\n\nTest Parameters Used\nmin_duration (ms): 500\n"
    )
    assert milliseconds(read_summary(path)) == {
        "Scenario": "Offline",
        "Samples per second": "12.5",
        "Min duration satisfied": "Yes",
        "Mean latency (ms)": "2.500",
    }
