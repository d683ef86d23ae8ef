"""Locks of outputs: refused while another holds one, and never longer than its process lives."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest

from gluon_ssd.errors import EnvironmentProblem, OptionError
from gluon_ssd.system.processes import Child, call_of
from gluon_ssd.system.run_lock import lock_file_of, locked

_HOLD = "import sys, time; from gluon_ssd.system.run_lock import locked\n"
_HOLD += "with locked(sys.argv[1]): print('held', flush=True); time.sleep(60)"


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of tmp_path/out."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path / "out")], stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_refused_with_the_file_the_process_and_the_time(tmp_path, holder):
    expected = (
        rf"^{tmp_path}/out is being written by another run \(process {holder.pid} on \S+ since "
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d holds {tmp_path}/\.out\.lock\); wait for its end, or "
    )
    with pytest.raises(OptionError, match=expected) as caught, locked(tmp_path / "out"):
        pytest.fail("it was not refused")
    assert "\n" not in str(caught.value) and caught.value.exit_code == 2
    assert lock_file_of(tmp_path / "out").exists()  # the refused one leaves it alone
    with locked(tmp_path / "other"):
        pass


def test_the_lock_ends_with_its_process_however_it_ends(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert lock_file_of(tmp_path / "out").exists()
    with locked(tmp_path / "out"):
        pass
    assert os.listdir(tmp_path) == []


def test_it_is_given_back_after_the_block_and_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "new/out"):
        _ = 1 / 0
    assert os.listdir(tmp_path) == []  # the folder that was made for nothing went
    with locked(tmp_path / "new/out"):
        (tmp_path / "new/out.params").touch()
    with locked(tmp_path / "new/out"), pytest.raises(OptionError), locked(tmp_path / "new/out"):
        pytest.fail("the same process got it twice")
    assert os.listdir(tmp_path / "new") == ["out.params"]


def test_what_a_killed_process_left_half_written_goes(tmp_path):
    for name in (
        ".out_best.99999999.part.params",
        f".out.{os.getppid()}.part",
        ".else.99999999.part",
    ):
        (tmp_path / name).touch()
    with locked(tmp_path / "out"):
        pass
    assert sorted(os.listdir(tmp_path)) == [".else.99999999.part", f".out.{os.getppid()}.part"]


def wait_for_parent(ready):
    from gluon_ssd.system.processes import end_with_parent

    end_with_parent()
    os.write(ready, b"1")
    time.sleep(60)


def test_child_processes_do_not_inherit_it(tmp_path):
    reading, writing = os.pipe()
    with locked(tmp_path / "out"):
        child = Child(call_of(wait_for_parent, writing), pass_fds=(writing,))
        try:
            assert os.read(reading, 1) == b"1"
            links = [
                f"/proc/{child.process.pid}/fd/{n}"
                for n in os.listdir(f"/proc/{child.process.pid}/fd")
            ]
            assert not [link for link in links if os.readlink(link).endswith(".lock")]
        finally:
            os.close(reading)
            os.close(writing)
    with locked(tmp_path / "out"):
        child.kill()


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(EnvironmentProblem, match=f"^cannot write {tmp_path}/out: that file system"):
        with locked(tmp_path / "out"):
            pytest.fail("it ran")


def test_a_link_in_place_of_the_lock_file_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("kept")
    lock_file_of(tmp_path / "out").symlink_to(tmp_path / "precious")
    with pytest.raises(EnvironmentProblem, match="out"), locked(tmp_path / "out"):
        pytest.fail("it ran")
    assert (tmp_path / "precious").read_text() == "kept"


def test_without_locks_a_warning_says_so_and_the_work_goes_on(tmp_path, monkeypatch, caplog):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with locked(tmp_path / "out"):
        pass
    assert f"the file system of {tmp_path} has no locks" in caplog.text


@pytest.mark.parametrize("content", [b"", b"\xff\x00\n\x1b[2J", b"x" * 10**5, b"process 1 on a\nb"])
def test_whatever_the_lock_file_holds_the_refusal_is_one_printable_line(tmp_path, content):
    path = lock_file_of(tmp_path / "out")
    path.write_bytes(content)
    with open(path, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(OptionError, match="a process that is starting holds") as caught:
            with locked(tmp_path / "out"):
                pytest.fail("it ran")
    assert str(caught.value).isprintable()


def test_a_file_removed_by_its_holder_in_between_locks_nobody_out(tmp_path, monkeypatch):
    path, real, calls = lock_file_of(tmp_path / "out"), fcntl.flock, []

    def slow(handle, how):
        real(handle, how)
        if not calls:
            path.unlink()  # as a holder does that ends just now
        calls.append(how)

    monkeypatch.setattr(fcntl, "flock", slow)
    with locked(tmp_path / "out"):
        assert path.exists() and len(calls) == 2


def test_a_lock_that_cannot_be_noted_leaves_nothing(tmp_path, monkeypatch):
    def full(handle, content, offset):
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(EnvironmentProblem, match="larger than a limit allows"):
        with locked(tmp_path / "made" / "too" / "out"):
            pytest.fail("it ran")
    assert list(tmp_path.iterdir()) == []


def test_line_breaks_in_names_are_escaped(tmp_path):
    with locked(tmp_path / "a\nb"):
        with pytest.raises(OptionError, match=r"a\\nb is being written .*\.a\\nb\.lock") as caught:
            with locked(tmp_path / "a\nb"):
                pytest.fail("it ran")
    assert "\n" not in str(caught.value)


def test_a_path_that_is_too_long_is_one_error():
    with (
        pytest.raises(EnvironmentProblem, match="cannot write .*: the name is too long"),
        locked(f"/{'a/' * 5000}x"),
    ):
        pass
