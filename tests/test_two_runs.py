"""Two runs that write the same files: the second is refused in one line, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest

from gluon_ssd.system.run_lock import lock_file_of, locked
from tests.entry_builders import (
    NETWORK,
    ROOT,
    TRAIN,
    evaluate,
    export,
    leftovers,
    one_error,
    python,
    run_script,
    train,
    voc_set,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return voc_set(tmp_path_factory.mktemp("data") / "set")


def refused(ended, target, *, by=None):
    line = one_error(ended)
    process = by or os.getpid()
    assert f"{target} is being written by another run (process {process} on " in line
    assert f" holds {lock_file_of(target)}); wait for its end, or choose another name" in line
    return line


def test_a_second_training_is_refused_while_the_first_lives_and_resumes_after_it(tmp_path, data):
    prefix = f"{tmp_path}{os.sep}"
    long = (*TRAIN, "--dataset-root", data, "--save-prefix", prefix, "--epochs", 10**9)
    first = subprocess.Popen(python(ROOT / "train_ssd.py", *long), stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / f"{NETWORK}_checkpoint.npz"
    try:
        limit = time.monotonic() + 300
        while not checkpoint.exists():
            assert first.poll() is None and time.monotonic() < limit
            time.sleep(0.1)
        before = sorted(os.listdir(tmp_path))
        line = refused(train(tmp_path, data), tmp_path / NETWORK, by=first.pid)
        assert line.endswith("(--save-prefix)")
        assert first.poll() is None and set(before) <= set(os.listdir(tmp_path))
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    (tmp_path / f".{NETWORK}_checkpoint.99999999.part.npz").touch()
    with np.load(checkpoint, allow_pickle=False) as file:
        done = json.loads(file["facts"].tobytes())["step"]
    ended = train(tmp_path, data, "--resume", checkpoint, "--limit-steps", done + 1)
    assert ended.code == 0, ended.err
    assert not leftovers(tmp_path) and not lock_file_of(tmp_path / NETWORK).exists()


def test_a_second_export_is_refused(tmp_path, weights):
    with locked(tmp_path / "m"):
        line = refused(export(weights, tmp_path / "m"), tmp_path / "m")
        assert line.endswith("(--output)")
    with locked(tmp_path / "m.onnx"):
        ended = export(weights, tmp_path / "m", "--format", "onnx")
        refused(ended, tmp_path / "m.onnx")
    assert os.listdir(tmp_path) == []


def test_a_second_calibration_is_refused(tmp_path, weights, data):
    target = tmp_path / f"{NETWORK}-quantized-naive"
    with locked(target):
        ended = evaluate(data, weights, "--calibration", "--calib-output", tmp_path)
        refused(ended, target)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("of", ["workspace/journal.jsonl", f"{NETWORK}-quantized-tuned"])
def test_a_second_search_is_refused(tmp_path, weights, data, of):
    (tmp_path / "x.ini").write_text(f"[strategy]\nworkspace = {tmp_path / 'workspace'}\n")
    options = ("--auto_tuning", "--auto_tuning_config", tmp_path / "x.ini")
    with locked(tmp_path / of):
        ended = evaluate(data, weights, *options, "--calib-output", tmp_path)
        line = refused(ended, tmp_path / of)
    assert ("x.ini: [strategy] workspace: " in line) == ("journal" in of)


def test_a_second_conversion_and_a_second_table_are_refused(tmp_path, weights):
    with locked(tmp_path / "w.npz"):
        convert = ("--input", weights, "--output", tmp_path / "w.npz", "--to", "npz")
        network = ("--network", NETWORK)
        refused(run_script("scripts/convert_weights.py", *convert, *network), tmp_path / "w.npz")
    with locked(tmp_path / "t.json"):
        options = ("--networks", "ssd_300_vgg16_atrous_voc", "--output", tmp_path / "t.json")
        ended = run_script("scripts/benchmark_ssd.py", "table", *options)
        refused(ended, tmp_path / "t.json")
    assert os.listdir(tmp_path) == []


def test_evaluating_beside_a_training_is_no_second_run(tmp_path, data, weights):
    with locked(tmp_path / NETWORK):
        mode = ("--mode", "evaluation", "--resume", weights)
        assert train(tmp_path, data, *mode).code == 0
