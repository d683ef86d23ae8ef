"""Children: they get what they need, and end with their parent however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import psutil
import pytest

from gluon_ssd.system.processes import Child, call_of, end_with_parent, is_child, is_stopped
from tests.layout_rules import ROOT

LIMIT_S = 20.0


def tell(text: str, number: int) -> None:
    """A child that says what it was given and what it inherits."""
    assert is_child()
    end_with_parent()
    assert not is_child()
    listing = "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"
    subprocess.run([sys.executable, "-c", listing], close_fds=False, check=True)
    ours = os.getsid(0) == os.getpid(), os.environ["COLOUR"], "GLUON_SSD_PARENT" in os.environ
    print(text, number + 1, os.fstat(number).st_size, *ours, "mxnet" in sys.modules)


def fail(how: str) -> None:
    """A child that does not end well."""
    end_with_parent()
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hang":
        time.sleep(60)
    raise ValueError("on purpose")


def hang(marker: str) -> None:
    """A child that clears its file when its parent is gone, though its main thread is busy."""
    end_with_parent(lambda: Path(marker).unlink())
    Path(marker).write_text(str(os.getpid()))
    time.sleep(60)


def started(marker: Path) -> psutil.Process:
    end = time.monotonic() + LIMIT_S
    while not (marker.is_file() and marker.read_text()):
        assert time.monotonic() < end, "the child does not start"
        time.sleep(0.02)
    return psutil.Process(int(marker.read_text()))


def test_a_call_gets_its_arguments_its_descriptors_and_no_others(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"12345")
    with open(tmp_path / "file", "rb") as file, open(tmp_path / "file", "rb"):
        number = file.fileno()
        child = Child(
            call_of(tell, "a 'b' \n", number),
            pass_fds=(number,),
            environment={"COLOUR": "red"},
            stdout=PIPE,
            stderr=PIPE,
        )
        output = child.output(LIMIT_S)
    listed, *told = output.splitlines()
    # Three streams, the file, and the folder that is listed: not the pipe to the parent.
    assert len(listed.split(",")) == 5
    assert " ".join(told).split() == f"a 'b' {number + 1} 5 True red False False".split()


@pytest.mark.parametrize(
    ("how", "limit_s", "reason"),
    [
        ("kill", LIMIT_S, "the process was ended by signal 9"),
        ("hang", 0.5, "no answer after 0.5 s"),
        ("raise", LIMIT_S, "ValueError: on purpose"),
    ],
)
def test_a_child_that_fails_is_one_line(how: str, limit_s: float, reason: str):
    child = Child(call_of(fail, how), stdout=PIPE, stderr=PIPE)
    with pytest.raises(ChildProcessError) as caught:
        child.output(limit_s)
    assert str(caught.value) == reason
    assert child.process.returncode is not None


def test_a_command_that_is_not_there_leaves_no_descriptor(tmp_path: Path):
    before = os.listdir("/proc/self/fd")
    with pytest.raises(FileNotFoundError):
        Child([str(tmp_path / "nothing")])
    assert os.listdir("/proc/self/fd") == before


def test_a_child_that_is_let_go_clears_up_and_one_that_is_killed_cannot(tmp_path: Path):
    before = os.listdir("/proc/self/fd")
    children = [Child(call_of(hang, str(tmp_path / name))) for name in ("let_go", "killed")]
    for name in ("let_go", "killed"):
        started(tmp_path / name)
    children[0].end(LIMIT_S)
    children[1].kill()
    assert [child.process.returncode for child in children] == [143, -signal.SIGKILL]
    assert [path.name for path in tmp_path.iterdir()] == ["killed"]
    assert os.listdir("/proc/self/fd") == before


def test_a_child_that_does_not_listen_is_killed_after_a_while():
    child = Child([sys.executable, "-c", "import time; time.sleep(60)"])
    start = time.monotonic()
    child.end(wait_s=0.3)
    assert child.process.returncode == -signal.SIGKILL
    assert 0.3 <= time.monotonic() - start < LIMIT_S


PARENT = """
import sys, time
from gluon_ssd.system.processes import Child, call_of
from tests.system.test_processes import hang
children = [Child(call_of(hang, marker)) for marker in sys.argv[1:]]
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_children_end_with_their_parent(tmp_path: Path, number: signal.Signals):
    # Two of them: none may hold the pipe of the other open.
    markers = [tmp_path / "one", tmp_path / "two"]
    command = [sys.executable, "-c", PARENT, *map(str, markers)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as parent:
        children = [started(marker) for marker in markers]
        parent.send_signal(number)
    assert psutil.wait_procs(children, timeout=LIMIT_S)[1] == []
    assert list(tmp_path.iterdir()) == []


def test_elsewhere_nothing_happens():
    assert not is_child()
    end_with_parent(lambda: os.abort())


def test_a_process_that_is_stopped_is_told_from_one_that_runs():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert not is_stopped(process.pid)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        assert is_stopped(process.pid)
    finally:
        process.kill()
        process.communicate()
    assert not is_stopped(process.pid)
