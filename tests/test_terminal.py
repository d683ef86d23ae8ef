"""What a person at a terminal sees: bars with the time left on stderr, results on stdout."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from gluon_ssd.commands.train import summary
from gluon_ssd.training.fit import Outcome
from gluon_ssd.training.run_files import RunFiles
from tests.entry_builders import (
    ROOT,
    TRAIN,
    Ended,
    evaluate,
    one_error,
    run_script,
    sure_weights,
    train,
    voc_set,
)


def on_terminal(*argv: object) -> Ended:
    """Run a script with stderr on a terminal and stdout in a pipe."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen(
            [sys.executable, *map(str, argv)], cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs
        )
        os.close(theirs)
        shown = bytearray()
        try:
            while block := terminal.read(4096):
                shown += block
        except OSError:  # how Linux says that the other side has closed the terminal
            pass
        out = process.communicate(timeout=60)[0]
    return Ended(process.returncode, out.decode(), shown.decode())


def test_training_and_validation_show_the_time_left_and_results_go_to_stdout(
    tmp_path: Path,
) -> None:
    data = voc_set(tmp_path / "data")
    prefix = f"{tmp_path}/out/"
    ended = on_terminal(
        "train_ssd.py", *TRAIN, "--dataset-root", data, "--epochs", "1", "--save-prefix", prefix
    )
    assert ended.code == 0, ended.err
    assert ended.err.count("Start training from [Epoch 0]") == 1
    assert re.search(r" 2/2 \[\d\d:\d\d<\d\d:\d\d, .*batch", ended.err)
    assert re.search(r"validate: +\d+%\|.*/3 \[\d\d:\d\d<", ended.err)
    first_words = [line.split()[0] for line in ended.out.splitlines()]
    assert first_words == ["log", "checkpoint", "best", "best"]


def test_no_bar_in_a_file(tmp_path: Path) -> None:
    data = voc_set(tmp_path / "data")
    ended = run_script(
        "scripts/check_dataset.py", "--dataset", "custom", "--dataset-root", data, "--fast"
    )
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("custom: 5 images, 8 labels, 0 images unusable")


@pytest.mark.parametrize("flag", ["--results", "--save-detections"])
def test_results_that_cannot_be_written_stop_before_the_work(tmp_path: Path, flag: str) -> None:
    weights = sure_weights(tmp_path / "w.params")
    ended = evaluate(tmp_path / "no data", weights, flag, tmp_path)
    assert one_error(ended).startswith(f"error: cannot write {tmp_path}: that path is a folder")
    assert "no data" not in ended.err


def test_training_needs_an_object_and_validation_without_one_is_said(tmp_path: Path) -> None:
    data = voc_set(tmp_path / "data", num_val=1)  # the last image of a split is bare
    short = ("--epochs", 1, "--limit-steps", 1)
    ended = train(tmp_path / "a", data, *short)
    assert ended.code == 0
    assert "no image of the validation set has an object: its mAP will be nan" in ended.err
    (data / "classes.txt").write_text("cat\ndog\n")
    splits = ("--splits", "val", "--val-splits", "train", "--batch-size", 1)
    message = one_error(train(tmp_path / "b", data, *short, *splits))
    assert message.startswith("error: no image of the training set has an object of the classes")
    assert not (tmp_path / "b").exists()


def test_summary_names_no_file_that_is_not_there(tmp_path: Path) -> None:
    files = RunFiles(tmp_path / "run")
    other_prefix = [f"log {files.log}", f"checkpoint {files.checkpoint}"]
    best = ["best mAP 0.5000 in epoch 1"]
    assert summary(Outcome(0.5, 1, files)).splitlines() == other_prefix + best
    files.best_weights.touch()
    best.insert(0, f"best weights {files.best_weights}")
    assert summary(Outcome(0.5, 1, files)).splitlines() == other_prefix + best


@pytest.mark.parametrize("flag", ["--resume", "--pretrained-base"])
def test_missing_weights_are_an_error_before_the_data_is_read(tmp_path: Path, flag: str) -> None:
    missing = tmp_path / "gone.params"
    ended = train(tmp_path / "out", tmp_path / "no data", flag, missing)
    assert str(missing) in one_error(ended)
    assert "no data" not in ended.err
    assert list(tmp_path.iterdir()) == []
