"""Start the product's commands as a user does, and see how they and their children end."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1  # prctl(2): the signal that comes when the starting thread ends
LONGEST_S = 900.0
"""A command that takes longer hangs."""


def python(script: str, *arguments: object) -> list[str]:
    """The command line of one of the project's scripts, in this Python."""
    return [sys.executable, str(ROOT / script), *map(str, arguments)]


def start(
    command: Sequence[str], output: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own; what it says is added to the file `output`.

    It is killed when the thread that started it ends.
    """
    with open(output, "ab") as file:
        return subprocess.Popen(
            command,
            cwd=output.parent,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_starter,
        )


def _end_with_starter() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The process and all below it that live now, itself first."""
    try:
        first = psutil.Process(process.pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(victims: Sequence[psutil.Process]) -> None:
    """SIGKILL to each; one that has ended already is left alone."""
    for victim in victims:
        try:
            victim.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue


def finish(
    process: subprocess.Popen[bytes], others: Sequence[psutil.Process], wait_s: float
) -> int:
    """Wait for the end of a killed process and of the `others`; how many outlived it and the wait.

    Those are killed.
    """
    process.wait(timeout=LONGEST_S)
    _, alive = psutil.wait_procs(
        [other for other in others if other.pid != process.pid], timeout=wait_s
    )
    kill(alive)
    psutil.wait_procs(alive, timeout=10)
    return len(alive)


def last_words(output: Path) -> str:
    """The last line that a command has said."""
    lines = output.read_text("utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing was said"
