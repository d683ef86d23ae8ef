"""Let a command kill itself at a chosen step of its writing; Python imports this when it starts.

`scripts/kill_runs.py` puts this folder into PYTHONPATH. KILL_AT_STEP=N ends the process by SIGKILL
right before the N-th time that it renames or removes a file in the folder KILL_IN_FOLDER, so that
also what takes microseconds is met.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

_EVENTS = ("os.rename", "os.remove", "os.rmdir")


def _watch(folder: str, step: int) -> None:
    seen, start = 0, folder + os.sep

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in _EVENTS:
            return
        path = arguments[1] if event == "os.rename" else arguments[0]
        if isinstance(path, str | os.PathLike) and os.path.abspath(path).startswith(start):
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)


if os.environ.get("KILL_AT_STEP"):
    _watch(os.environ["KILL_IN_FOLDER"], int(os.environ["KILL_AT_STEP"]))
