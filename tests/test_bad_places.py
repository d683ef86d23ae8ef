"""A full disk and missing permissions: one line that names the file, and nothing half-written.

A full disk is a small tmpfs, and no permission is a process without root's right to pass by
permissions: both are the real thing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest

from gluon_ssd.training.checkpoint import load_checkpoint
from tests.entry_builders import (
    NETWORK,
    ROOT,
    SMALL,
    TRAIN,
    arrays_of,
    demo,
    evaluate,
    export,
    leftovers,
    one_error,
    photos,
    python,
    run_script,
    train,
    voc_set,
)

# --- a full disk ----------------------------------------------------------------------------------


@contextmanager
def small_disk(folder, size):
    """A file system of that size; needs root's right to mount."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a full disk needs the right to mount a small tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


FULL = "the disk is full; free some space or choose another folder"


@pytest.mark.parametrize(
    ("size", "name"), [("4m", "0000.params"), ("20m", "checkpoint.npz")], ids=["weights", "state"]
)
def test_disk_too_small_for_the_first_epoch(data, tmp_path, size, name):
    with small_disk(tmp_path / "disk", size) as disk:
        message = one_error(train(disk, data, "--limit-steps", 1))
        assert message.startswith(
            f"error: cannot write {disk}/{NETWORK}_{name}: the disk is full; "
        )
        assert leftovers(disk) == []
        assert not list(disk.glob("*.npz"))


def test_disk_that_fills_up_keeps_the_last_good_checkpoint(data, tmp_path):
    # Best and periodic weights, 11.8 MB each, and a checkpoint of 22 MB; then more weights.
    with small_disk(tmp_path / "disk", "66m") as disk:
        options = ("--epochs", 4, "--save-interval", 1, "--batch-size", 5)
        message = one_error(train(disk, data, *options))
        checkpoint = disk / f"{NETWORK}_checkpoint.npz"
        assert message == f"error: cannot write {checkpoint}: {FULL}"
        assert leftovers(disk) == []
        facts = load_checkpoint(checkpoint).facts
        assert (facts["epoch"], facts["batch"]) == (1, 0)
        assert all(np.isfinite(array).all() for array in arrays_of(checkpoint).values())


def test_disk_too_small_for_a_log(data, tmp_path):
    with small_disk(tmp_path / "disk", "4k") as disk:
        (disk / "other").write_bytes(b"x" * 4096)
        message = one_error(train(disk, data, "--limit-steps", 1))
        assert f"{disk}/{NETWORK}" in message and "the disk is full" in message


@pytest.mark.parametrize("flag", ["--results", "--save-detections"])
def test_disk_too_small_for_results(data, tmp_path, weights, flag):
    with small_disk(tmp_path / "disk", "4k") as disk:
        (disk / "other").write_bytes(b"x" * 4096)
        ended = evaluate(data, weights, flag, disk / "r.json")
        assert one_error(ended) == f"error: cannot write {disk}/r.json: {FULL}"
        assert ended.out.splitlines()[-1].startswith("mAP ")  # hours of work may hang on it
        assert os.listdir(disk) == ["other"]


def test_disk_too_small_for_an_export(tmp_path, weights):
    with small_disk(tmp_path / "disk", "10m") as disk:
        message = one_error(export(weights, disk / "model"))
        assert message == f"error: cannot write {disk}/model: {FULL}"
        assert os.listdir(disk) == []


def test_disk_too_small_for_pictures(tmp_path, prefix):
    photos(tmp_path / "in", 1)
    with small_disk(tmp_path / "disk", "8k") as disk:
        message = one_error(demo(tmp_path / "in", disk, "--model-prefix", prefix))
        assert message == f"error: cannot write {disk}/detections.json: {FULL}"
        assert os.listdir(disk) == []


def test_disk_too_small_for_shapes(tmp_path):
    with small_disk(tmp_path / "disk", "100k") as disk:
        options = ("--num-train", 40, "--num-val", 10)
        ended = run_script("scripts/prepare_shapes.py", "--output", disk / "shapes", *options)
        assert one_error(ended) == f"error: cannot write {disk}/shapes: {FULL}"
        assert os.listdir(disk) == []


# --- no permission --------------------------------------------------------------------------------

# Runs one script after the other in one process, since each start costs seconds.
_RUN_ALL = """
import contextlib, io, json, sys
from tests.entry_builders import run_script
print(json.dumps([run_script(*arguments) for arguments in json.loads(sys.argv[1])]))
"""


def as_nobody_special(commands):
    """Run scripts where permissions count, also for root. Returns how each ended."""
    start = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root passes by permissions, and setpriv (util-linux) is not here")
        start = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    commands = [[str(argument) for argument in command] for command in commands]
    ended = subprocess.run(
        [*start, *python("-c", _RUN_ALL, json.dumps(commands))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def forbidden(tmp_path_factory, weights, prefix):
    """What the scripts say about a folder that cannot be written and files that cannot be read."""
    folder = tmp_path_factory.mktemp("forbidden")
    data = voc_set(folder / "set")
    sealed = folder / "sealed"
    sealed.mkdir(mode=0o555)
    secret = folder / "secret"
    for name in ("w.params", "w.json", "m-symbol.json", "m-0000.params"):
        source = {"w": weights.with_suffix(""), "m": prefix}[name[0]]
        secret.mkdir(exist_ok=True)
        shutil.copy(f"{source}{name[1:]}", secret / name)
        (secret / name).chmod(0)
    images = photos(folder / "in", 1)
    images[0].chmod(0)
    own = ("--dataset-root", data)
    small = ("eval_ssd.py", *SMALL, *own, "--pretrained")
    export_options = ("--network", "mobilenet0.25", "--dataset", "custom")
    model = ("--model-prefix", prefix)
    commands = {
        "train": ("train_ssd.py", *TRAIN, *own, "--save-prefix", f"{sealed}/"),
        "train_folder": ("train_ssd.py", *TRAIN, *own, "--save-prefix", f"{sealed}/new/"),
        "results": (*small, weights, "--results", sealed / "r.json"),
        "export": (
            *("scripts/export_ssd.py", *export_options, "--pretrained", weights),
            *("--output", sealed / "model"),
        ),
        "demo": (
            *("scripts/demo_ssd.py", "--images", data / "JPEGImages", *model),
            *("--output", sealed),
        ),
        "shapes": ("scripts/prepare_shapes.py", "--output", sealed / "shapes"),
        "weights": (*small, secret / "w.params"),
        "deploy": (*small[:-1], "--deploy", "--model-prefix", secret / "m"),
        "image": ("scripts/demo_ssd.py", "--images", images[0], *model, "--output", folder / "o"),
    }
    answers = as_nobody_special(commands.values())
    assert os.listdir(sealed) == []
    return folder, dict(zip(commands, answers, strict=True))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("train", "cannot write {}/sealed/{}: no permission to write there; change its"),
        ("train_folder", "cannot write {}/sealed/new: no permission to write there; change its"),
        ("results", "cannot write {}/sealed/r.json: no permission to write there; change its"),
        ("export", "cannot write {}/sealed/model: no permission to write there; change its rights"),
        (
            "demo",
            "cannot write {}/sealed/detections.json: no permission to write there; change",
        ),
        ("shapes", "cannot write {}/sealed/shapes: no permission to write there; change its"),
        ("weights", "cannot read {}/secret/w.json: Permission denied"),
        ("deploy", "cannot read {}/secret/m-symbol.json: "),
    ],
)
def test_no_permission(forbidden, name, message):
    folder, answers = forbidden
    code, _, err = answers[name]
    assert code == 2, err
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    assert last.startswith("error: " + message.format(folder, NETWORK)), last


def test_no_permission_to_read_a_picture(forbidden):
    folder, answers = forbidden
    code, _, err = answers["image"]
    assert code == 2, err
    start = f"error: cannot read the image {folder}/in/i0.jpg: Permission denied"
    assert err.splitlines()[-1].startswith(start)


def test_read_only_file_system(tmp_path, data, prefix):
    with small_disk(tmp_path / "disk", "1m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        advice = "that file system is read-only; choose another folder"
        expected = f"error: cannot write {disk}/{NETWORK}: {advice}"
        assert one_error(train(disk, data)) == expected
        ended = demo(data / "JPEGImages", disk, "--model-prefix", prefix)
        assert one_error(ended).endswith(advice)
