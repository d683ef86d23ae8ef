"""Temporary folders: removed at the end, and swept where their process was killed."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile

import pytest

from gluon_ssd.system.scratch import scratch_folder, sweep

_HOLD = "import sys, time; from gluon_ssd.system.scratch import scratch_folder\n"
_HOLD += "with scratch_folder(sys.argv[1] or None) as f: print(f, flush=True); time.sleep(60)"


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files of a test and of the processes it starts."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def hold(beside=""):
    """A process that has a scratch folder, and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(beside)], stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip()


@pytest.mark.parametrize("beside", [False, True])
def test_a_folder_lives_as_long_as_its_block(tmp_path, temporary, beside):
    target = tmp_path / "net.onnx" if beside else None
    with pytest.raises(ZeroDivisionError), scratch_folder(target) as folder:
        (folder / "deep").mkdir()
        (folder / "deep/file").write_text("x")
        assert folder.parent == (tmp_path if beside else temporary)
        assert folder.name.startswith(".net.onnx.gluon-ssd-" if beside else "gluon-ssd-")
        _ = 1 / 0
    assert os.listdir(tmp_path) == ["tmp"] and os.listdir(temporary) == []


@pytest.mark.parametrize("beside", [False, True])
def test_the_folder_of_a_killed_process_goes_and_that_of_a_living_one_stays(tmp_path, beside):
    target = tmp_path / "net" if beside else ""
    (dead, gone), (alive, kept) = hold(target), hold(target)
    dead.kill()
    dead.communicate()
    try:
        assert os.path.isdir(gone) and os.path.isdir(kept)
        with scratch_folder(target or None) as own:
            assert not os.path.exists(gone) and os.path.isdir(kept)
            sweep(own.parent, own.name.partition(str(os.getpid()))[0])
            assert own.is_dir()  # its own folder is in use as well
    finally:
        alive.kill()
        alive.communicate()


def test_only_folders_of_that_form_go(tmp_path, temporary):
    (temporary / "precious").mkdir()
    (temporary / "gluon-ssd-notes").mkdir()
    (temporary / "gluon-ssd-12-file").write_text("x")
    (temporary / "gluon-ssd-12-link").symlink_to(temporary / "precious")
    (temporary / "gluon-ssd-99-abc").mkdir()
    sweep(temporary)
    kept = ["gluon-ssd-12-file", "gluon-ssd-12-link", "gluon-ssd-notes", "precious"]
    assert sorted(os.listdir(temporary)) == kept
    sweep(tmp_path / "nowhere")  # a place that is not there holds nothing


def test_without_locks_nothing_is_swept(temporary, monkeypatch):
    def no_locks(*_):
        raise OSError("no locks")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    (temporary / "gluon-ssd-99-abc").mkdir()
    with scratch_folder():
        pass
    assert os.listdir(temporary) == ["gluon-ssd-99-abc"]


def test_a_folder_that_is_swept_before_it_is_locked_is_made_anew(temporary, monkeypatch):
    real, calls = fcntl.flock, []

    def late(handle, how):
        calls.append(how)
        if len(calls) == 1:
            os.rmdir(next(temporary.iterdir()))
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with scratch_folder() as folder:
        assert folder.is_dir() and len(calls) == 2
