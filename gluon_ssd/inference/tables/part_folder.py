"""A folder of tables that grows part by part, so that work that was stopped can go on.

A part is one file of the table, written whole or not at all. `_run.json` says what made the parts,
and readers of Parquet pass over it for its underscore.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.inference.tables.endpoint_lines import read_endpoint_lines, write_endpoint_lines
from gluon_ssd.inference.tables.json_lines import read_json_lines, write_json_lines
from gluon_ssd.inference.tables.parquet import check_pyarrow, read_parquet, write_parquet
from gluon_ssd.inference.tables.rows import Row
from gluon_ssd.system.files import ensure_directory, read_json, remove_unfinished, write_json
from gluon_ssd.system.run_lock import locked
from gluon_ssd.system.wording import one_line

RUN_FILE = "_run.json"


BROKEN = (OSError, ValueError, KeyError, TypeError, DataError)
"""What readers of tables raise for a file that is none of theirs."""


@dataclass(frozen=True)
class TableFormat:
    """A kind of file: how rows are written and read, and whether this machine can do either.

    Attributes:
        write: (path, rows); raises EnvironmentProblem.
        read: path -> rows; raises of `BROKEN` for a damaged file.
        ending: of the files' names.
        check: raises EnvironmentProblem when a package is missing.
    """

    write: Callable[[Path, Iterable[Row]], None]
    read: Callable[[Path], Iterable[Row]]
    ending: str
    check: Callable[[], None] = lambda: None


FORMATS: dict[str, TableFormat] = {
    "jsonl": TableFormat(write_json_lines, read_json_lines, "jsonl"),
    "parquet": TableFormat(write_parquet, read_parquet, "parquet", check_pyarrow),
    "endpoint": TableFormat(write_endpoint_lines, read_endpoint_lines, "jsonl"),
}
"""Every format by its name."""


@dataclass
class Tally:
    """How many pictures have a row, and of what kind."""

    with_objects: int = 0
    without_objects: int = 0
    unusable: int = 0

    @property
    def total(self) -> int:
        """All rows."""
        return self.with_objects + self.without_objects + self.unusable

    def add(self, row: Row) -> None:
        """Count a row."""
        if row.error is not None:
            self.unusable += 1
        elif row.labels:
            self.with_objects += 1
        else:
            self.without_objects += 1


class PartFolder:
    """The parts in a folder; made by `open_parts`.

    Attributes:
        folder: where they are.
        done: names of the pictures that have a row.
        tally: counts of those rows.
    """

    def __init__(self, folder: Path, format: str) -> None:
        self.folder = folder
        self.done: set[str] = set()
        self.tally = Tally()
        self._format = FORMATS[format]
        self._next = 0
        for path in sorted(folder.glob(f"part-*.{self._format.ending}")):
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            for row in self._format.read(path):
                self._count(row)
            self._next = max(self._next, int(path.stem.removeprefix("part-")) + 1)
        except BROKEN as error:
            raise DataError(
                f"{path} is no part of a table of detections ({str(error).splitlines()[0]}); "
                "remove it, and its pictures are detected again"
            ) from error

    def _count(self, row: Row) -> None:
        self.done.add(row.file)
        self.tally.add(row)

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows as the next part; none at all make no part.

        Raises:
            EnvironmentProblem: it cannot be written; then no row of it counts as done.
        """
        if not rows:
            return
        self._format.write(self.folder / f"part-{self._next:06d}.{self._format.ending}", rows)
        self._next += 1
        for row in rows:
            self._count(row)


@contextmanager
def open_parts(
    folder: str | os.PathLike[str], format: str, facts: Mapping[str, Any]
) -> Iterator[PartFolder]:
    """Open a folder of parts for this process alone, with the parts that it holds already.

    Args:
        folder: made when it is not there.
        format: a key of `FORMATS`.
        facts: whatever changes the rows, as values that JSON holds.

    Raises:
        OptionError: the parts there were made with other facts, or another process has the folder.
        DataError: a part there is damaged.
        EnvironmentProblem: the folder cannot be written.
    """
    path = ensure_directory(Path(folder).expanduser())
    with locked(path / RUN_FILE, settings=("output",)):
        remove_unfinished(path, "part-")
        _compare(path / RUN_FILE, {"format": format, **facts})
        yield PartFolder(path, format)


def _compare(file: Path, facts: dict[str, Any]) -> None:
    """Write the facts of a run down, or see that they are those of the run that is gone on with."""
    facts = json.loads(json.dumps(facts))
    if not file.exists():
        if other := sorted(file.parent.glob("part-*")):
            raise OptionError(
                f"{file.parent} holds {other[0].name}, but no {RUN_FILE} that says what made it; "
                "choose another folder",
                settings=("output",),
            )
        write_json(file, facts)
        return
    before = read_json(file)
    before = before if isinstance(before, dict) else {}
    for name, value in facts.items():
        if before.get(name) != value:
            earlier = one_line(str(before.get(name)))[:200]
            raise OptionError(
                f"{file.parent} holds detections made with {name} {earlier}, and this run has "
                f"{value}; choose another folder, or remove that one",
                settings=("output",),
            )
