"""Files of class names."""

from __future__ import annotations

import os

from gluon_ssd.errors import DataError
from gluon_ssd.system.text_file import read_lines
from gluon_ssd.system.wording import one_line


def read_classes_file(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read class names, one a line; the line order is the label order.

    Blank lines are skipped and blanks around a name removed.

    Raises:
        DataError: the file cannot be read, holds no name, or holds a name twice.
    """
    advice = "; give a text file with one class name a line"
    lines = read_lines(path, "class file", advice)
    first_line: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        name = one_line(line.strip())
        if not name:
            continue
        if name in first_line:
            raise DataError(
                f"{os.fspath(path)} line {number}: class {name!r} stands on line "
                f"{first_line[name]} already; name every class once"
            )
        first_line[name] = number
    if not first_line:
        raise DataError(
            f"the class file {os.fspath(path)} names no class; write one class name a line"
        )
    return tuple(first_line)
