"""MLPerf's events in order, and the package's own checker on them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.report.mlperf_log import MlperfLog, RunFacts

FACTS = RunFacts(
    seed=7,
    local_batch_size=4,
    global_batch_size=8,
    accumulate=1,
    epochs=2,
    optimizer="adam",
    rate=1e-4,
    weight_decay=0.0,
    warmup_epochs=1.0,
    warmup_factor=1e-3,
    train_samples=100,
    eval_samples=10,
    tensors=("a.weight", "a.bias"),
    platform="some CPU",
)
START = """cache_clear submission_benchmark submission_division submission_org submission_status
init_start submission_platform seed local_batch_size global_batch_size epoch_count first_epoch_num
weights_initialization weights_initialization opt_name opt_base_learning_rate opt_weight_decay
opt_learning_rate_warmup_epochs opt_learning_rate_warmup_factor gradient_accumulation_steps
init_stop run_start train_samples eval_samples""".split()


def events(path):
    """(key, value, metadata without the place in the code) of each line."""
    found = []
    for line in path.read_text().splitlines():
        tag, _, text = line.partition(" ")
        assert tag == ":::MLLOG"
        event = json.loads(text)
        place = ("file", "lineno")
        metadata = {k: v for k, v in event["metadata"].items() if k not in place}
        found.append((event["key"], event["value"], metadata))
    return found


def run(path, *, scores=(0.2, 0.35), reached=True, failure=None):
    """Epochs with these scores."""
    with MlperfLog(path) as log:
        log.describe(FACTS)
        log("start", (0, 0), {"options": {}})
        for epoch, score in enumerate(scores):
            log("epoch_begin", (epoch, 0), {"epoch": epoch})
            log("interval", (epoch, 5), {})
            log("epoch", (epoch + 1, 0), {"epoch": epoch, "seconds": 1.0})
            log("validation_begin", (epoch + 1, 0), {"epoch": epoch})
            log("validation", (epoch + 1, 0), {"epoch": epoch, "score": score})
            log("checkpoint", (epoch + 1, 0), {"file": "x"})
        log("end", (len(scores), 0), {"best_score": 0.35})
        log.note_end(reached)
        if failure:
            raise failure
    return path


@pytest.mark.mllog
def test_events_come_in_order_and_with_their_numbers(tmp_path):
    found = events(run(tmp_path / "new" / "log"))
    epochs = ["epoch_start", "epoch_stop", "eval_start", "eval_accuracy", "eval_stop"] * 2
    assert [key for key, *_ in found] == [*START, *epochs, "run_stop", "status"]
    values = {key: value for key, value, _ in found}
    assert values["submission_platform"] == "some CPU"
    assert (values["seed"], values["local_batch_size"], values["global_batch_size"]) == (7, 4, 8)
    assert (values["opt_name"], values["opt_base_learning_rate"]) == ("adam", 1e-4)
    assert (values["train_samples"], values["eval_samples"]) == (100, 10)
    assert [m["tensor"] for key, _, m in found if key == "weights_initialization"] == [
        "a.weight",
        "a.bias",
    ]
    assert [m for key, _, m in found if key == "epoch_start"] == [
        {"epoch_num": 0},
        {"epoch_num": 1},
    ]
    assert [(v, m) for key, v, m in found if key == "eval_accuracy"] == [
        (0.2, {"epoch_num": 1}),
        (0.35, {"epoch_num": 2}),
    ]
    assert found[-2:] == [("run_stop", None, {"status": "success"}), ("status", "success", {})]


@pytest.mark.mllog
@pytest.mark.parametrize(("reached", "failure"), [(False, None), (True, RuntimeError("broken"))])
def test_a_run_without_its_target_or_its_end_is_aborted(tmp_path, reached, failure):
    try:
        run(tmp_path / "log", reached=reached, failure=failure)
    except RuntimeError:
        assert failure
    assert events(tmp_path / "log")[-2:] == [
        ("run_stop", None, {"status": "aborted"}),
        ("status", "aborted", {}),
    ]


@pytest.mark.mllog
def test_a_run_that_never_started_has_no_stop(tmp_path):
    with MlperfLog(tmp_path / "log"):
        pass
    keys = [key for key, *_ in events(tmp_path / "log")]
    assert keys[-2:] == ["init_start", "status"]


@pytest.mark.mllog
def test_other_processes_write_seed_and_status_to_files_of_their_own(tmp_path):
    with MlperfLog(tmp_path / "log", rank=1) as log:
        log.describe(FACTS)
        log.note_end(True)
    assert not (tmp_path / "log").exists()
    assert events(tmp_path / "log.rank1") == [("seed", 7, {}), ("status", "success", {})]


@pytest.mark.mllog
def test_who_submits_and_on_what_may_be_said_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MLPERF_SUBMISSION_ORG", "us")
    monkeypatch.setenv("MLPERF_SUBMISSION_PLATFORM", "ours")
    values = {key: value for key, value, _ in events(run(tmp_path / "log"))}
    assert (values["submission_org"], values["submission_platform"]) == ("us", "ours")


def check(path, folder):
    """What the package's checker says by the rules of Training 4.1."""
    rules = ("--usage", "training", "--ruleset", "4.1.0", "--log_output", folder / "checked")
    return subprocess.run(
        [sys.executable, "-m", "mlperf_logging.compliance_checker", *map(str, rules), str(path)],
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.mllog
def test_the_checker_passes_a_run_that_reaches_the_target(tmp_path):
    ended = check(run(tmp_path / "log"), tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "SUCCESS" in ended.stderr


@pytest.mark.mllog
def test_the_target_is_all_that_a_short_run_lacks(tmp_path):
    ended = check(run(tmp_path / "log", scores=(0.1,), reached=False), tmp_path)
    assert ended.returncode == 1
    warnings = [line for line in ended.stderr.splitlines() if not line.startswith("INFO")]
    assert warnings == [
        "WARNING -  Failed checks for eval_accuracy : v['value'] >= 0.340 and v['value'] < 1.0",
        "ERROR - FAILED",
    ]


@pytest.mark.mllog
def test_a_full_disk_is_one_error():
    with pytest.raises(EnvironmentProblem, match="cannot write /dev/full: the disk is full"):
        MlperfLog("/dev/full")


def test_a_missing_package_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlperf_logging.mllog", None)
    with pytest.raises(EnvironmentProblem, match="--extras mllog") as caught:
        MlperfLog(tmp_path / "log")
    assert caught.value.settings == ("mllog",)
    assert not list(tmp_path.iterdir())
