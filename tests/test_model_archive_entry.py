"""Folders and archives with a model as --model-prefix of every command, and broken ones."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd import load
from gluon_ssd.deploy.runtime import load_detector
from tests.data.builders import write_image
from tests.deploy.mxnet.model_archives import (
    NAME,
    bare_members,
    hyperparams_text,
    model_members,
    write_archive,
)
from tests.deploy.tune_builders import export_tiny
from tests.entry_builders import ROOT, one_error, python, run_script

TIMED = ("--benchmark", "--num-iterations", 1, "--batch-size", 1)


@pytest.fixture(scope="module")
def prefix(tmp_path_factory) -> str:
    """A detector of three classes at 64 pixels, with its record."""
    return export_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def archive(prefix: str, tmp_path_factory) -> Path:
    """It as others hand on theirs."""
    return write_archive(tmp_path_factory.mktemp("own") / "model.tar.gz", model_members(prefix))


@pytest.fixture(scope="module")
def bare(prefix: str) -> dict[str, bytes]:
    """The members of an archive of a symbol that says nothing of its size."""
    return {**bare_members(prefix), "hyperparams.json": hyperparams_text()}


def test_the_same_model_from_prefix_folder_and_archive(prefix: str, archive: Path, tmp_path: Path):
    folder = tmp_path / "m"
    folder.mkdir()
    for name, content in model_members(prefix, epoch=34).items():
        (folder / name).write_bytes(content)
    image = np.random.default_rng(0).normal(0, 1, (1, 3, 64, 64)).astype(np.float32)
    expected = [np.asarray(output.asnumpy()) for output in load_detector(prefix).run(image)]
    for path in (archive, folder, folder / NAME, f"{archive}/{NAME}"):
        found = load_detector(str(path))
        for output, wanted in zip(found.run(image), expected, strict=True):
            np.testing.assert_array_equal(output.asnumpy(), wanted)
        assert found.name.endswith(f"/{NAME}")
    assert load(archive).classes == ("ant", "bee", "cat")


def test_hyperparams_give_size_and_number_of_classes(bare, tmp_path: Path, caplog):
    path = write_archive(tmp_path / "m.tar.gz", bare)
    model = load_detector(str(path))
    assert model.input_size_hw == (64, 64) and model.num_classes == 3
    bare = {**bare, "hyperparams.json": hyperparams_text(num_classes="7")}
    assert load_detector(str(write_archive(path, bare))).num_classes == 3
    assert f"{path}/hyperparams.json says num_classes 7 and the symbol 3" in caplog.text


def test_every_command_takes_an_archive(archive: Path, tmp_path: Path):
    write_image(tmp_path / "images/a.png", (48, 64))
    images = ("--images", tmp_path / "images")
    ended = run_script("eval_ssd.py", "--deploy", "--model-prefix", archive, *TIMED)
    assert ended.code == 0, ended.err
    out = tmp_path / "demo"
    ended = run_script("scripts/demo_ssd.py", "--model-prefix", archive, *images, "--output", out)
    assert ended.code == 0, ended.err
    predicted = ("--output", tmp_path / "table", *images)
    ended = run_script("scripts/predict_ssd.py", "--model-prefix", archive, *predicted)
    assert ended.code == 0, ended.err
    # The same archive again goes on, and finds nothing left to do.
    ended = run_script("scripts/predict_ssd.py", "--model-prefix", archive, *predicted)
    assert ended.code == 0, ended.err
    target = ("--output", tmp_path / "folded", "--format", "mxnet")
    ended = run_script("scripts/export_ssd.py", "--model-prefix", archive, *target)
    assert ended.code == 0 and (tmp_path / "folded-symbol.json").is_file(), ended.err


BROKEN = {
    "a way out": (lambda m: {**m, "../x-symbol.json": b"{}"}, "leads out of the folder"),
    "no symbol": (lambda m: {"hyperparams.json": m["hyperparams.json"]}, "no exported model"),
    "no weights": (
        lambda m: {n: c for n, c in m.items() if not n.endswith(".params")},
        f"there is no file .*m.tar.gz/{NAME}-0000.params",
    ),
    "no JSON": (lambda m: {**m, "hyperparams.json": b"{'a': 1}"}, "is not valid JSON"),
    "no number": (
        lambda m: {**m, "hyperparams.json": hyperparams_text(num_classes=[3])},
        "m.tar.gz/hyperparams.json: 'num_classes' must be",
    ),
    "absurd": (
        lambda m: {**m, "hyperparams.json": hyperparams_text(image_shape="1000000")},
        "image_shape must be an integer from 8 to 8192",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_archives_are_one_line(what: str, bare, tmp_path: Path):
    change, expected = BROKEN[what]
    path = write_archive(tmp_path / "m.tar.gz", change(bare))
    line = one_error(run_script("eval_ssd.py", "--deploy", "--model-prefix", path, *TIMED))
    assert re.search(expected, line), line


@pytest.mark.slow
def test_the_guarded_process_leaves_no_folder(archive: Path, tmp_path: Path):
    place = tmp_path / "tmp"
    place.mkdir()
    environment = {**os.environ, "TMPDIR": str(place)}
    sound = archive.read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(sound[: len(sound) // 2])
    for path, code in ((archive, 0), (tmp_path / "cut.tar.gz", 2)):
        options = ("--deploy", "--model-prefix", path, *TIMED)
        ended = subprocess.run(
            python(ROOT / "eval_ssd.py", *options), env=environment, capture_output=True, text=True
        )
        assert ended.returncode == code, ended.stderr
        assert not [name for name in os.listdir(place) if name.startswith("gluon-ssd-")]
    assert "cannot unpack" in ended.stderr and "Traceback" not in ended.stderr
