"""Progress on stderr: a bar on a terminal, a plain line now and then in a file or a container."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from tqdm import tqdm

LINES_EVERY_S = 30.0

_LINE = "{desc}: {percentage:.0f}%, {n_fmt} of {total_fmt}, {elapsed} gone, {remaining} left"


class _Lines:
    """Writes what a bar draws as lines, without carriage returns and moves of the cursor."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if line := text.strip():
            self._stream.write(line + "\n")

    def flush(self) -> None:
        self._stream.flush()


def progress_bar(
    *, total: int, unit: str, description: str, initial: int = 0, every_s: float = LINES_EVERY_S
) -> Any:
    """A tqdm bar; away from a terminal one that writes a line every `every_s` seconds.

    Work that is done sooner writes no line at all.

    Args:
        total: number of units.
        unit: what is counted.
        description: text in front.
        initial: units done before.
        every_s: seconds between two lines.
    """
    common = {"total": total, "initial": initial, "unit": unit}
    if sys.stderr.isatty():
        # leave=None: stays when it stands alone, goes when it stands below another.
        return tqdm(desc=description or None, leave=None, **common)
    return tqdm(
        desc=description or unit,
        file=_Lines(sys.stderr),
        bar_format=_LINE,
        mininterval=every_s,
        miniters=1,
        delay=every_s,
        position=0,
        leave=False,
        **common,
    )
