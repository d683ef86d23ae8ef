"""Files of tables with a JSON value on each line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gluon_ssd.errors import DataError
from gluon_ssd.system.files import atomic_write
from gluon_ssd.system.json_text import parse_json
from gluon_ssd.system.regular_file import read_regular


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a file of lines, all of them or none. Raises EnvironmentProblem."""
    with atomic_write(path, "w") as file:
        file.writelines(line + "\n" for line in lines)


def read_values(path: Path) -> Iterator[tuple[str, Any]]:
    """Every line's name, such as "line 7", and its value.

    Raises:
        ValueError: a line is no JSON; names it.
        OSError: the file cannot be read.
    """
    for number, line in enumerate(read_regular(path).splitlines(), 1):
        name = f"line {number}"
        try:
            yield name, parse_json(line, name, advice="it is damaged")
        except DataError as error:
            raise ValueError(str(error)) from error
