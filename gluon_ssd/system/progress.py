"""Progress on stderr: a bar on a terminal, a plain line now and then in a file or a container."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO

from tqdm import tqdm

LINES_EVERY_S = 30.0

_LINE = "{desc}: {percentage:.0f}%, {n_fmt} of {total_fmt}, {elapsed} gone, {remaining} left"
_LINE_WITHOUT_END = "{desc}: {n_fmt} {unit}, {elapsed} gone"


class _Lines:
    """Writes what a bar draws as lines, without carriage returns and moves of the cursor."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if line := text.strip():
            self._stream.write(line + "\n")

    def flush(self) -> None:
        self._stream.flush()


class _LineBar(tqdm):
    """Writes whole lines; the form of a line depends on whether the end is known by then."""

    @property
    def format_dict(self) -> dict[str, Any]:
        return {**super().format_dict, "bar_format": _LINE if self.total else _LINE_WITHOUT_END}


def progress_bar(
    iterable: Iterable[Any] | None = None,
    *,
    total: int | None,
    unit: str,
    description: str,
    initial: int = 0,
    quiet_s: float = 0.0,
    stays: bool = True,
    every_s: float = LINES_EVERY_S,
) -> Any:
    """A tqdm bar; away from a terminal one that writes a line every `every_s` seconds.

    Work that is done sooner writes no line at all.

    Args:
        iterable: counted as it is gone through; without one call `update`.
        total: number of units; None while it is unknown, and may be set on the bar later.
        unit: what is counted; bytes, "B", are written as 12.3M instead of 12300000.
        description: text in front.
        initial: units done before.
        quiet_s: work done within this time draws no bar.
        stays: whether a bar that stands alone is left on the terminal when it is full.
        every_s: seconds between two lines.
    """
    common: dict[str, Any] = {
        "iterable": iterable,
        "total": total,
        "initial": initial,
        "unit": unit,
        "unit_scale": unit == "B",
    }
    if sys.stderr.isatty():
        # leave=None: stays when it stands alone, goes when it stands below another.
        leave = None if stays else False
        return tqdm(desc=description or None, leave=leave, delay=quiet_s, **common)
    return _LineBar(
        desc=description or unit,
        file=_Lines(sys.stderr),
        mininterval=every_s,
        miniters=1,
        delay=every_s,
        position=0,
        leave=False,
        **common,
    )
