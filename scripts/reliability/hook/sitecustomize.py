"""Let a command kill itself while it writes; Python imports this file when it starts.

`scripts/kill_runs.py` puts this folder into PYTHONPATH. KILL_AT_STEP=N ends the process by SIGKILL
right before the N-th file that it would rename into its place in the folder KILL_IN_FOLDER, so that
also the microseconds between two of them are met.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any


def _watch(folder: str, step: int) -> None:
    seen = 0

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event == "os.rename" and isinstance(arguments[1], str | os.PathLike):
            place, name = os.path.split(os.path.abspath(arguments[1]))
            seen += place == folder and not name.startswith(".")
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)


if os.environ.get("KILL_AT_STEP"):
    _watch(os.environ["KILL_IN_FOLDER"], int(os.environ["KILL_AT_STEP"]))
