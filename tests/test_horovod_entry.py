"""train_ssd.py in two processes under horovodrun: files, mAP, a killed process, signals, resume."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from gluon_ssd.training.checkpoint import load_checkpoint
from gluon_ssd.training.journal import read_journal
from tests.entry_builders import ROOT, one_error, run_script, voc_set

pytestmark = pytest.mark.horovod

NETWORK = "ssd_160_tiny_custom"
MODEL = ("--network", "tiny", "--data-shape", "160", "--dataset", "custom", "-j", "0")
TRAIN = (*MODEL, "--gpus", "", "--pretrained-base", "false", "--lr", "0.01")
LAUNCH = ROOT / "scripts" / "launch"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    # Five images to validate on: three for one process, two for the other.
    return voc_set(tmp_path_factory.mktemp("set"), num_train=9, num_val=5)


def start(folder, data, *argv, before=()):
    """Two processes of train_ssd.py with a batch of two images each, in the background."""
    command = ["bash", LAUNCH / "one_node.sh", "2", *TRAIN, "--batch-size", "4"]
    command += ["--dataset-root", data, "--save-prefix", f"{folder}{os.sep}", *argv]
    return subprocess.Popen(
        [str(word) for word in (*before, *command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PAUSE": "0"},
    )


def finish(launched, timeout_s=120):
    """(exit code, output); no process of it is left."""
    family = [psutil.Process(launched.pid)]
    family += family[0].children(recursive=True)
    try:
        output, _ = launched.communicate(timeout=timeout_s)
    finally:
        _, alive = psutil.wait_procs(family, timeout=10)
        for process in alive:
            process.kill()
    assert not alive
    return launched.returncode, output


def process_of(launched, rank):
    """The Python process of a rank."""
    for child in psutil.Process(launched.pid).children(recursive=True):
        if any(word.endswith("train_ssd.py") for word in child.cmdline()[:3]):
            if child.environ().get("HOROVOD_RANK") == str(rank):
                return child
    raise AssertionError(f"process {rank} is not there")


def wait_for(path, launched, timeout_s=100):
    end = time.monotonic() + timeout_s
    while not path.exists():
        assert launched.poll() is None, launched.communicate()[0]
        assert time.monotonic() < end, f"no {path}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    code, output = finish(start(folder, data, "--epochs", "2", "--log-interval", "1"))
    assert code == 0, output
    return folder, output


def events(folder, kind):
    return [e for e in read_journal(folder / f"{NETWORK}_journal.jsonl") if e["event"] == kind]


def test_one_process_writes_and_speaks(finished):
    folder, output = finished
    log = (folder / f"{NETWORK}_train.log").read_text()
    # 9 images in batches of 4: 2 steps and 2 steps.
    assert [log.count(f"[Epoch {e}][Batch {b}]") for e in (0, 1) for b in (0, 1, 2)] == [
        1,
        1,
        0,
    ] * 2
    assert output.count("Namespace(") == output.count("Start training from [Epoch 0]") == 1
    assert "[1]<" not in output
    assert len(events(folder, "start")) == 1
    assert f"best weights {folder}" in output


def test_shared_evaluation_scores_as_one_process_does(finished, data):
    folder, _ = finished
    weights = folder / f"{NETWORK}_best.params"
    results = folder / "results.json"
    options = (*MODEL, "--dataset-root", data, "--pretrained", weights, "--results", results)
    ended = run_script("eval_ssd.py", *options, "--batch-size", 2)
    assert ended.code == 0, ended.err
    alone = json.loads(results.read_text())
    best = max(event["score"] for event in events(folder, "validation"))
    assert alone["images"] == 5
    assert best == pytest.approx(alone["score"], abs=1e-9)


def test_a_killed_process_ends_the_run_and_the_loop_resumes_it(tmp_path, data):
    checkpoint = tmp_path / f"{NETWORK}_checkpoint.npz"
    launched = start(
        tmp_path,
        data,
        "--epochs",
        "40",
        "--val-interval",
        "100",
        before=("bash", LAUNCH / "resume_loop.sh", checkpoint),
    )
    wait_for(checkpoint, launched)
    other, killed = process_of(launched, 0), process_of(launched, 1)
    killed.kill()
    _, alive = psutil.wait_procs([killed, other], timeout=60)
    assert not alive
    assert 0 < load_checkpoint(checkpoint).facts["step"] < 90
    code, output = finish(launched)
    assert code == 0, output
    # The launcher's own code is 1, whatever those of the processes are.
    assert "ended with code 1; starting again in 0 s" in output
    assert len(events(tmp_path, "resume")) == 1, output
    (resumed,) = events(tmp_path, "resume")
    assert resumed["at"] > [0, 0]
    assert load_checkpoint(checkpoint).facts["epoch"] == 40


def test_a_signal_to_one_process_stops_both_with_a_checkpoint(tmp_path, data):
    checkpoint = tmp_path / f"{NETWORK}_checkpoint.npz"
    launched = start(tmp_path, data, "--epochs", "4000", "--val-interval", "5000")
    wait_for(checkpoint, launched)
    before = load_checkpoint(checkpoint).facts["step"]
    os.kill(process_of(launched, 1).pid, signal.SIGTERM)
    code, output = finish(launched, timeout_s=60)
    assert code != 0
    assert output.count("error: stopped by SIGTERM at [Epoch ") == 1
    facts = load_checkpoint(checkpoint).facts
    assert facts["step"] >= before  # equal when the signal came during the validation after it
    assert events(tmp_path, "end")[-1]["reason"] == "signal"
    # One process goes on where two have stopped.
    options = ("--dataset-root", data, "--save-prefix", f"{tmp_path}{os.sep}", "--batch-size", "4")
    last = ("--epochs", facts["epoch"] + 1, "--resume", checkpoint)
    ended = run_script("train_ssd.py", *TRAIN, *options, *last)
    assert ended.code == 0, ended.err
    assert load_checkpoint(checkpoint).facts["epoch"] == facts["epoch"] + 1


def test_a_batch_that_does_not_divide_is_one_line(tmp_path, data):
    code, output = finish(start(tmp_path, data, "--batch-size", "5"))
    assert code != 0
    expected = (
        "error: --batch-size 5 is for all processes together and does not divide by their number "
        "2; choose a multiple of 2"
    )
    assert expected in output
    assert not list(tmp_path.iterdir())


def test_each_process_has_a_batch_of_its_own_and_a_target_stops_both(tmp_path, data):
    each = ("--batch-size-per-device", "3", "--eval-batch-size", "2", "--optimizer", "adam")
    stop = ("--epochs", "3", "--target-map", "1e-9", "--val-epochs", "1", "--log-interval", "1")
    code, output = finish(start(tmp_path, data, *each, *stop, "--scale-lr", "linear32"))
    assert code == 0, output
    facts = load_checkpoint(tmp_path / f"{NETWORK}_checkpoint.npz").facts
    assert facts["options"]["batch_size"] == 6
    (first, *_) = events(tmp_path, "interval")
    assert first["lr"] == pytest.approx(0.01 * 6 / 32)
    validations = events(tmp_path, "validation")
    reached = validations[0]["score"] >= 1e-9
    assert [event["epoch"] for event in validations] == ([1] if reached else [1, 2])
    assert events(tmp_path, "end")[0]["reason"] == ("target" if reached else "epochs")


@pytest.mark.mllog
def test_every_process_writes_its_seed_and_status_for_mlperf(tmp_path, data):
    code, output = finish(start(tmp_path, data, "--epochs", "1", "--mllog", tmp_path / "log"))
    assert code == 0, output
    keys = [
        [json.loads(line.partition(" ")[2])["key"] for line in path.read_text().splitlines()]
        for path in (tmp_path / "log", tmp_path / "log.rank1")
    ]
    assert keys[0].count("seed") == keys[0].count("run_stop") == 1
    assert keys[1] == ["seed", "status"]


def test_without_a_launcher_one_process_trains(tmp_path, data):
    command = [sys.executable, ROOT / "train_ssd.py", "--horovod", *TRAIN, "--limit-steps", "1"]
    command += ["--batch-size", "2", "--dataset-root", data, "--save-prefix", f"{tmp_path}{os.sep}"]
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=100)
    assert ended.returncode == 0, ended.stderr
    assert load_checkpoint(tmp_path / f"{NETWORK}_checkpoint.npz").facts["step"] == 1


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--horovod", "--syncbn"], "--syncbn works over the devices of one process"),
        (["--fp16-allreduce"], "--fp16-allreduce is for the gradients of --horovod"),
    ],
)
def test_options_that_exclude_each_other_say_so_at_once(argv, message):
    assert message in one_error(run_script("train_ssd.py", *argv))


@pytest.mark.parametrize("script", sorted(path.name for path in LAUNCH.glob("*.sh")))
def test_launchers_are_sound(script):
    ended = subprocess.run(["bash", "-n", LAUNCH / script], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
