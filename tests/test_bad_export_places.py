"""Targets of ONNX, OpenVINO and other exports that cannot be written: one line, nothing left.

A full disk is a small tmpfs, which is read-only after it was mounted anew: the real things.
"""

from __future__ import annotations

import os
import subprocess

import pytest

from gluon_ssd import load
from gluon_ssd.errors import EnvironmentProblem
from tests.entry_builders import one_error, run_script
from tests.test_bad_places import FULL, small_disk

READ_ONLY = "that file system is read-only; choose another folder"
NO_FOLDER = "a part of that path is a file, not a folder; choose another folder"
TARGETS = [
    pytest.param("onnx", "m.onnx", marks=pytest.mark.onnx),
    pytest.param("openvino", "m.xml", marks=[pytest.mark.onnx, pytest.mark.openvino]),
    pytest.param("mxnet", "m", marks=[]),
]


def export(prefix, kind, output):
    return run_script(
        "scripts/export_ssd.py", "--model-prefix", prefix, "--format", kind, "--output", output
    )


@pytest.fixture(params=["full", "read-only"])
def bad_disk(request, tmp_path):
    """A disk that takes no model, and what is said about it."""
    with small_disk(tmp_path / "disk", "1m") as disk:
        (disk / "mine").write_bytes(b"x" * 1000)
        if request.param == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        yield disk, {"full": FULL, "read-only": READ_ONLY}[request.param]


@pytest.mark.parametrize(("kind", "name"), TARGETS)
def test_from_the_command_line(prefix, bad_disk, kind, name):
    disk, advice = bad_disk
    message = one_error(export(prefix, kind, disk / name))
    assert message.startswith(f"error: cannot write {disk}/m") and message.endswith(advice)
    assert os.listdir(disk) == ["mine"]


@pytest.mark.parametrize(("kind", "name"), TARGETS[:2])
def test_from_python(prefix, bad_disk, kind, name):
    disk, advice = bad_disk
    with pytest.raises(EnvironmentProblem, match=advice):
        load(prefix).export(disk / name)
    assert os.listdir(disk) == ["mine"]


@pytest.mark.parametrize(("kind", "name"), TARGETS)
def test_an_earlier_file_stays_when_the_disk_fills_up(prefix, tmp_path, kind, name):
    with small_disk(tmp_path / "disk", "12m") as disk:
        assert export(prefix, kind, disk / name).code == 0
        before = {path.name: path.read_bytes() for path in disk.iterdir()}
        free = os.statvfs(disk)
        filler = disk / "filler"
        filler.write_bytes(bytes(max(0, (free.f_bavail - 64) * free.f_bsize)))
        assert one_error(export(prefix, kind, disk / name)).endswith(FULL)
        filler.unlink()
        assert {path.name: path.read_bytes() for path in disk.iterdir()} == before


@pytest.mark.parametrize(("kind", "name"), TARGETS)
def test_a_folder_that_is_a_file(prefix, tmp_path, kind, name):
    (tmp_path / "file").write_text("x")
    message = one_error(export(prefix, kind, tmp_path / "file" / name))
    assert str(tmp_path / "file") in message and "choose another folder" in message
    assert (tmp_path / "file").read_text() == "x"
