"""train_ssd.py --amp and eval_ssd.py --dtype as a user starts them: files, resume, refusals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time

import pytest

from gluon_ssd.deploy.mxnet import devices
from gluon_ssd.system import cpu
from gluon_ssd.training.checkpoint import load_checkpoint
from gluon_ssd.training.journal import read_journal
from gluon_ssd.training.precision import amp as precision
from tests.entry_builders import (
    ROOT,
    arrays_of,
    assert_same_arrays,
    evaluate,
    export,
    found_set,
    one_error,
    python,
    run_script,
    sure_weights,
    voc_set,
)

NETWORK = "ssd_160_tiny_custom"
MODEL = ("--network", "tiny", "--data-shape", 160, "--dataset", "custom", "-j", 0)
PATIENCE_S = 120
RUN = (
    *(*MODEL, "--batch-size", 2, "--gpus", "", "--epochs", 3, "--checkpoint-minutes", 1e-6),
    *("--average-weights", 0.9),
)

needs_bfloat16 = pytest.mark.skipif(
    not cpu.has_bfloat16(cpu.cpu_flags()), reason="this CPU has no bfloat16"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return voc_set(tmp_path_factory.mktemp("data") / "set")


def start(folder, data, *argv):
    """The script in a process of its own: MXNet's AMP cannot be taken back in one."""
    options = (*RUN, "--amp", "--dataset-root", data, "--save-prefix", f"{folder}{os.sep}", *argv)
    return subprocess.Popen(
        python(ROOT / "train_ssd.py", *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors[-3000:]
    return errors


def checkpoint_of(folder):
    return folder / f"{NETWORK}_checkpoint.npz"


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("unbroken")
    errors = finish(start(folder, data))
    (folder / "stderr.txt").write_text(errors)
    return folder


@needs_bfloat16
def test_a_killed_and_resumed_run_ends_with_the_same_bits(tmp_path, data, unbroken):
    process = start(tmp_path, data)
    deadline = time.monotonic() + PATIENCE_S
    while not checkpoint_of(tmp_path).exists():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = load_checkpoint(checkpoint_of(tmp_path)).facts
    assert before["step"] < 7
    finish(start(tmp_path, data, "--resume", checkpoint_of(tmp_path)))
    after = load_checkpoint(checkpoint_of(tmp_path)).facts
    assert (after["step"], after["num_updates"]) == (7, 7)
    assert after["amp"] == {
        "dtype": "bfloat16",
        "loss_scale": 1.0,
        "next_loss_scale": 1.0,
        "unskipped": 0,
        "skipped": 0,
    }
    assert_same_arrays(arrays_of(checkpoint_of(tmp_path)), arrays_of(checkpoint_of(unbroken)))


@needs_bfloat16
def test_it_says_what_computes_in_what_and_counts_skipped_steps(unbroken):
    line = next(
        line for line in (unbroken / "stderr.txt").read_text().splitlines() if "AMP" in line
    )
    assert re.fullmatch(
        r"AMP: \d+ of 23 convolutions in bfloat16, losses and weights in float32; \d+ stay "
        "float32 because they would not gain",
        line,
    )
    epochs = [
        event
        for event in read_journal(unbroken / f"{NETWORK}_journal.jsonl")
        if event["event"] == "epoch"
    ]
    assert [(event["loss_scale"], event["skipped"]) for event in epochs] == [(1.0, 0)] * 3


@needs_bfloat16
def test_weights_are_plain_float32_and_export_without_casts(tmp_path, unbroken):
    assert {array.dtype.name for array in arrays_of(checkpoint_of(unbroken)).values()} == {
        "float32"
    }
    output = tmp_path / "model"
    options = ("--network", "tiny", "--data-shape", 160, "--dataset", "custom")
    weights = unbroken / f"{NETWORK}_best.params"
    ended = run_script(
        "scripts/export_ssd.py", *options, "--pretrained", weights, "--output", output
    )
    assert ended.code == 0, ended.err
    assert "amp_" not in (tmp_path / "model-symbol.json").read_text()


def test_a_machine_without_bfloat16_is_told_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(cpu, "cpu_flags", frozenset)
    monkeypatch.setattr(precision, "cpu_flags", frozenset)
    ended = run_script("train_ssd.py", "--amp", "--gpus", "", "--dataset-root", tmp_path)
    assert re.fullmatch(
        r"error: mixed precision needs a GPU, or a CPU with bfloat16 \(AVX512_BF16 or AMX-BF16\); "
        r".* has neither; leave it out to train in float32 \(--amp\)",
        one_error(ended),
    )
    assert (ended.out, ended.err.count("\n")) == ("", 1)


def test_the_benchmark_shows_no_flag_of_another_command(monkeypatch):
    monkeypatch.setattr(precision, "cpu_flags", frozenset)
    ended = run_script("scripts/benchmark_ssd.py", "amp")
    assert one_error(ended).endswith(" has neither; leave it out to train in float32")


@needs_bfloat16
def test_evaluation_in_bfloat16_finds_the_same(tmp_path):
    weights = sure_weights(tmp_path / "weights.params")
    found = found_set(tmp_path / "set", weights)
    scores = {}
    for dtype in ("float32", "bfloat16"):
        ended = evaluate(found, weights, "--dtype", dtype)
        assert ended.code == 0, ended.err
        scores[dtype] = float(ended.out.split("mAP ")[-1])
    assert scores["float32"] > 0.5
    assert scores["bfloat16"] == pytest.approx(scores["float32"], abs=0.1)


@pytest.mark.parametrize(
    ("dtype", "said"),
    [
        ("float16", "--dtype float16 needs a GPU; MXNet has no float16 convolutions for CPUs"),
        ("bfloat16", "--dtype bfloat16 needs a CPU with AVX512_BF16 or AMX-BF16; "),
    ],
)
def test_types_the_machine_does_not_have_are_one_line(monkeypatch, tmp_path, dtype, said):
    monkeypatch.setattr(devices, "cpu_flags", frozenset)
    weights = sure_weights(tmp_path / "weights.params")
    output = tmp_path / "model"
    assert export(weights, output).code == 0
    ended = run_script("eval_ssd.py", "--deploy", "--model-prefix", output, "--dtype", dtype)
    assert one_error(ended).startswith(f"error: {said}")


@needs_bfloat16
def test_benchmark_times_both_in_turns(tmp_path):
    output = tmp_path / "rows.json"
    # The second has no classes of its own.
    names = ["ssd_300_mobilenet0.25_voc", NETWORK]
    script = (ROOT / "scripts/benchmark_ssd.py", "amp", "--networks", ",".join(names))
    options = ("--batch-size", 1, "--rounds", 2, "--output", output)
    ended = subprocess.run(
        python(*script, *options), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    rows = json.loads(output.read_text())
    assert [(row["network"], row["task"], row["type"]) for row in rows] == [
        (name, task, "bfloat16") for name in names for task in ("training step", "inference")
    ]
    for row in rows:
        assert row["float32, ms"] > 0 and row["mixed, ms"] > 0
        assert row["p10"] <= row["times faster"] <= row["p90"]


def test_benchmark_of_an_unknown_network_is_one_line():
    ended = run_script("scripts/benchmark_ssd.py", "amp", "--networks", "ssd_512_resnet50_v1_vco")
    assert one_error(ended).endswith(
        "got 'ssd_512_resnet50_v1_vco'; did you mean ssd_512_resnet50_v1_voc?"
    )
