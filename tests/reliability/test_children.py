"""What is started ends with who started it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.conftest import ROOT


def test_a_command_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from scripts.reliability import children\n"
        "process = children.start([sys.executable, '-c', 'import time; time.sleep(60)'],"
        f" Path({str(tmp_path / 'said.txt')!r}), {{}})\n"
        "print(process.pid, flush=True); time.sleep(60)\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    with starter:
        child = psutil.Process(int(starter.stdout.readline()))
        assert child.is_running()
        starter.send_signal(signal.SIGKILL)
    deadline_s = time.monotonic() + 10
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
