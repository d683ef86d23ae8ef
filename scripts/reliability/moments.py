"""When a command is killed: after some time, or while it writes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

LOOK_EVERY_S = 0.0002
HOOK = Path(__file__).resolve().parent / "hook"


@dataclass(frozen=True)
class Moment:
    """When to kill.

    Attributes:
        after_s: seconds after the start.
        pattern: then wait for a hidden file or folder whose name is like this; empty does not.
        later_s: seconds after that one appeared.
        step: or else the process kills itself before it puts its file of this number into place,
            see hook/; 0 does not.
    """

    after_s: float
    pattern: str = ""
    later_s: float = 0.0
    step: int = 0

    def environment(self, folder: Path) -> dict[str, str]:
        """Variables of the process that is to be killed while it writes into `folder`."""
        if not self.step:
            return {}
        return {
            "PYTHONPATH": str(HOOK),
            "KILL_AT_STEP": str(self.step),
            "KILL_IN_FOLDER": str(folder.resolve()),
        }


def temporaries(folder: Path) -> set[str]:
    """Hidden files and folders: what a command has half-written. A lock file is none."""
    names = (entry.name for entry in os.scandir(folder))
    return {name for name in names if name.startswith(".") and not name.endswith(".lock")}


def halves(folder: Path, before: set[str]) -> list[str]:
    """What a killed command has left half-written, `before` it was started not yet there."""
    return sorted(temporaries(folder) - before)


def wait_for(
    moment: Moment, process: subprocess.Popen[bytes], folder: Path, longest_s: float
) -> bool:
    """Wait for a moment, or for `longest_s` seconds; whether the process still lives then."""
    begin = time.monotonic()

    def wait(is_reached: Callable[[], bool], every_s: float) -> None:
        while process.poll() is None and time.monotonic() - begin < longest_s:
            if is_reached():
                return
            time.sleep(every_s)

    if moment.step:
        wait(lambda: False, 0.01)
        return process.poll() is None
    wait(lambda: time.monotonic() - begin >= moment.after_s, 0.002)
    if moment.pattern:
        known = temporaries(folder)
        wait(
            lambda: any(fnmatch(name, moment.pattern) for name in temporaries(folder) - known),
            LOOK_EVERY_S,
        )
        time.sleep(moment.later_s)
    return process.poll() is None


def left_in(folder: Path) -> list[str]:
    """What lies in a folder for temporary files, without what the libraries keep there."""
    return sorted(path.name for path in folder.iterdir() if not is_of_library(path))


def is_of_library(path: Path) -> bool:
    """Whether a file of TMPDIR is none of the product's.

    Python's tempfile looks for a usable folder with a file of four bytes; a kill within the
    microseconds of its life leaves it. ONNX Runtime keeps the name of its session in .ses.
    """
    if not path.is_file():
        return False
    return path.name == ".ses" or path.read_bytes()[:5] in (b"", b"blat")
