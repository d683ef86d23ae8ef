"""A command in a child process: its exit codes, its crashes, and signals from both sides."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import os, signal, sys, time
sys.path.insert(0, {root!r})
from gluon_ssd.errors import Interrupted
from gluon_ssd.system.guard import join_guard, run_guarded
from gluon_ssd.system.processes import is_child
from gluon_ssd.system.script import run_main

def main():
    if not is_child():
        return run_guarded("the search", left="some", advice="try again")
    join_guard()
    assert not is_child()
    try:
        print("working", os.getpid(), sys.argv[1:], flush=True)
        {action}
    finally:
        print("tidied up", flush=True)
    return 0

sys.exit(run_main(main, {{"batch_size": "--batch-size"}}))
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts the script with some work for the child; what goes on too long is killed."""
    processes: list[subprocess.Popen[str]] = []

    def started(action: str) -> subprocess.Popen[str]:
        script = tmp_path / "command.py"
        script.write_text(SCRIPT.format(root=str(ROOT), action=action))
        processes.append(
            subprocess.Popen(
                [sys.executable, script, "--an", "option"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return processes[-1]

    yield started
    for process in processes:
        process.kill()
        process.communicate()


def started(process: subprocess.Popen[str]) -> int:
    """Process number of the child, once it works."""
    assert process.stdout is not None
    word, number, options = process.stdout.readline().split(maxsplit=2)
    assert (word, options.strip()) == ("working", "['--an', 'option']")
    assert int(number) != process.pid
    return int(number)


def wait_until_gone(number: int) -> None:
    end = time.monotonic() + 20
    while psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, "the child goes on"
        time.sleep(0.05)


@pytest.mark.parametrize("code", [0, 2, 77])
def test_the_exit_code_is_the_child_s(start, code: int):
    process = start(f"sys.exit({code})")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert output.endswith("tidied up\n") and errors == ""


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("SIGSEGV", "the search was ended by SIGSEGV in native code; some; try again"),
        ("SIGABRT", "the search was ended by SIGABRT in native code; some; try again"),
        ("SIGRTMIN + 3", "the search was ended by signal 37; some"),
        ("SIGXCPU", "the search was ended by SIGXCPU, a limit on processor time (ulimit -t); some"),
        (
            "SIGKILL",
            "the search was killed by signal 9 (SIGKILL), as happens when memory runs out; some; "
            "free memory or use smaller batches (--batch-size)",
        ),
    ],
)
def test_a_crash_is_one_line(start, number: str, said: str):
    process = start(f"os.kill(os.getpid(), signal.{number})")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors == f"error: {said}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_pass_on_once_and_the_child_ends_in_good_order(start, number: int):
    process = start("time.sleep(60)")
    child = started(process)
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert output == "tidied up\n" and errors.count("error: ") == 1
    wait_until_gone(child)


def test_a_signal_that_the_child_does_not_handle_gives_its_code(start):
    action = (
        "signal.signal(signal.SIGTERM, signal.SIG_DFL); print('set', flush=True); time.sleep(60)"
    )
    process = start(action)
    started(process)
    assert process.stdout is not None and process.stdout.readline() == "set\n"
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM and errors == ""


def test_the_child_ends_in_good_order_when_its_parent_is_killed(start):
    process = start("time.sleep(60)")
    child = started(process)
    process.kill()
    output, _ = process.communicate(timeout=30)  # until the child, too, has closed the pipe
    assert output == "tidied up\n"
    wait_until_gone(child)


def test_what_nohup_ignores_stays_ignored(start):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = start("time.sleep(1.5)")
    finally:
        signal.signal(signal.SIGHUP, before)
    started(process)
    process.send_signal(signal.SIGHUP)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 0 and output == "tidied up\n" and errors == ""


def test_a_descriptor_of_the_pipe_does_not_reach_grandchildren(start):
    listing = "print(sorted(os.listdir('/proc/self/fd')), 'GLUON_SSD_PARENT' in os.environ)"
    action = (
        "import subprocess; "
        f'subprocess.run([sys.executable, "-c", "import os; {listing}"], close_fds=False)'
    )
    process = start(action)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    # Its own three streams, and the folder that is being listed.
    assert output.splitlines()[1] == "['0', '1', '2', '3'] False"
