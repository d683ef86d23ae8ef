"""Detections as a table: a line for each object."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from gluon_ssd.inference.outputs.seen import Output, Seen
from gluon_ssd.system.address import shown
from gluon_ssd.system.files import atomic_write

COLUMNS = (
    *("image", "frame", "width", "height", "label", "class", "score"),
    *("x_min", "y_min", "x_max", "y_max"),
)
"""As in `evaluation.saved_detections`; frame is empty for what is no film."""


class CsvFile(Output):
    """Writes the file, UTF-8 with its names in the first line; see `Output`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[Any] | None = None

    def add(self, seen: Seen) -> None:
        """Write the lines of a picture; none for one without objects."""
        assert self._file is not None, "it is used as a context"
        found = seen.found
        frame = "" if found.frame is None else found.frame
        # A name that is no UTF-8 is spelled, since no text file can hold it.
        source = shown(found.source).encode("utf-8", "backslashreplace").decode()
        start = (source, frame, *found.size_hw[::-1])
        csv.writer(self._file, lineterminator="\n").writerows(
            (*start, each.label, each.name, f"{each.score:.6f}", *(f"{x:.2f}" for x in each.box_px))
            for each in found
        )

    def _begin(self, stack: ExitStack) -> None:
        self._file = stack.enter_context(atomic_write(self._path, "w"))
        self._file.write(",".join(COLUMNS) + "\n")
