"""Recipes, rules of updates, listed validations, targets and MLPerf's log through train_ssd.py."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gluon_ssd.commands.wiring import validation
from gluon_ssd.evaluation.result import Evaluation
from gluon_ssd.training.journal import read_journal
from tests.entry_builders import NETWORK, arrays_of, assert_same_arrays, one_error, train

RULES = {
    "sgd_torch": ("--optimizer", "sgd", "--momentum-rule", "torch"),
    "adam": ("--optimizer", "adam"),
}
FEW = ("--lr", 0.001, "--log-interval", 1)


def run(folder, data, *argv):
    ended = train(folder, data, *argv)
    assert ended.code == 0, ended.err
    return ended


def events(folder, kind):
    found = read_journal(folder / f"{NETWORK}_journal.jsonl")
    return [event for event in found if event["event"] == kind]


def test_a_recipe_is_logged_and_what_is_given_wins(out, data):
    argv = ("--recipe", "nvidia_ssd300", "--epochs", 3, "--val-epochs", 1, "--save-interval", 0)
    run(out, data, *argv, "--metric", "voc07", "--warmup-iters", 2)
    log = (out / f"{NETWORK}_train.log").read_text()
    assert (
        "Recipe nvidia_ssd300 set --data-shape 300, --augmentation legacy, --optimizer sgd" in log
    )
    assert "gives way to --network mobilenet0.25, --dataset custom, --metric voc07" in log
    assert "in place of --network ssd300_resnet50, --dataset coco, --metric coco" in log
    (start,) = events(out, "start")
    options = start["options"]
    assert (options["lr"], options["momentum_rule"], options["epochs"]) == (0.0026, "torch", 3)
    assert [event["epoch"] for event in events(out, "validation")] == [1, 2]
    # A batch of two makes a sixteenth of the rate of 32; the first two steps warm up from zero.
    assert [event["lr"] for event in events(out, "epoch")][-1] == pytest.approx(0.0026 / 16)


@pytest.mark.parametrize("rule", RULES)
def test_a_run_cut_within_an_epoch_resumes_to_the_same_bits(data, tmp_path, rule):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    argv = (*RULES[rule], *FEW, "--epochs", 2, "--warmup-iters", 3)
    run(whole, data, *argv)
    run(cut, data, *argv, "--limit-steps", 3)
    checkpoint = f"{NETWORK}_checkpoint.npz"
    run(cut, data, *argv, "--resume", cut / checkpoint)
    found = arrays_of(cut / checkpoint)
    assert_same_arrays(found, arrays_of(whole / checkpoint))
    slots = {key.partition("/")[0] for key in found}
    assert slots == {"weights", *(("velocity",) if rule == "sgd_torch" else ("mean", "variance"))}


def test_a_checkpoint_of_another_rule_is_refused(data, out):
    run(out, data, *FEW, "--epochs", 1)
    checkpoint = out / f"{NETWORK}_checkpoint.npz"
    ended = train(out, data, *RULES["adam"], *FEW, "--epochs", 2, "--resume", checkpoint)
    error = one_error(ended)
    assert "has momentum, and this rule of updates needs mean and variance" in error
    assert "--optimizer" in error and "--momentum-rule" in error


@pytest.fixture
def scores(monkeypatch):
    """Lets every validation find one of these scores, after the real detection."""

    def use(*values):
        left = iter(values)
        monkeypatch.setattr(
            validation,
            "make_score",
            lambda *_, **__: lambda found: Evaluation([("mAP", "x")], next(left)),
        )

    return use


def test_a_run_stops_at_its_target_with_success(data, out, scores):
    scores(0.1, 0.3, 0.9)
    ended = run(out, data, *FEW, "--epochs", 9, "--target-map", 0.25)
    assert "best mAP 0.3000 in epoch 1" in ended.out
    (end,) = events(out, "end")
    assert (end["reason"], end["at"]) == ("target", [2, 0])
    log = (out / f"{NETWORK}_train.log").read_text()
    assert "[Epoch 1] mAP 0.3000 reaches the target 0.25: the run ends here" in log


def test_batches_of_validation_have_a_size_of_their_own(data, out, monkeypatch):
    sizes = []
    real = validation.predict

    def predict(run, batches, **options):
        def counted(images):
            sizes.append(len(images))
            return run(images)

        return real(counted, batches, **options)

    monkeypatch.setattr(validation, "predict", predict)
    run(out, data, *FEW, "--epochs", 1, "--eval-batch-size", 3)
    assert sizes == [3]


def check(log, folder):
    """The lines of the package's checker, by the rules of Training 4.1."""
    rules = ("--usage", "training", "--ruleset", "4.1.0", "--log_output", folder / "checked")
    ended = subprocess.run(
        [sys.executable, "-m", "mlperf_logging.compliance_checker", *map(str, (*rules, log))],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return [line for line in ended.stderr.splitlines() if not line.startswith("INFO - Running")]


MLPERF = (*FEW, "--optimizer", "adam", "--metric", "coco", "--warmup-epochs", 1)


@pytest.mark.mllog
def test_the_accuracy_is_all_that_mlperfs_checker_misses_in_a_short_run(data, out):
    log = out / "compliance.log"
    run(out, data, *MLPERF, "--epochs", 2, "--target-map", 0.34, "--mllog", log)
    assert [line for line in check(log, out) if not line.startswith("INFO")] == [
        "WARNING -  Failed checks for eval_accuracy : v['value'] >= 0.340 and v['value'] < 1.0",
        "ERROR - FAILED",
    ]
    assert '"key": "status", "value": "aborted"' in log.read_text().splitlines()[-1]


@pytest.mark.mllog
def test_mlperfs_checker_passes_a_run_whose_accuracy_is_enough(data, out, scores):
    scores(0.2, 0.35)
    log = out / "compliance.log"
    run(out, data, *MLPERF, "--epochs", 5, "--target-map", 0.34, "--mllog", log)
    assert check(log, out)[-1] == "INFO - SUCCESS"
    assert '"key": "status", "value": "success"' in log.read_text().splitlines()[-1]


@pytest.mark.mllog
def test_mlperfs_log_of_a_run_that_diverges_says_aborted(data, out):
    log = out / "compliance.log"
    ended = train(out, data, *FEW, "--epochs", 2, "--lr", 1e30, "--mllog", log)
    assert ended.code != 0
    stop, status = log.read_text().splitlines()[-2:]
    assert '"key": "run_stop"' in stop and '"status": "aborted"' in stop
    assert '"key": "status", "value": "aborted"' in status
