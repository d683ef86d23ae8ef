"""Files of class names."""

from __future__ import annotations

import os
from pathlib import Path

from gluon_ssd.errors import DataError


def read_classes_file(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read class names, one a line; the line order is the label order.

    Blank lines are skipped and blanks around a name removed.

    Raises:
        DataError: the file cannot be read, holds no name, or holds a name twice.
    """
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise DataError(
            f"cannot read the class file {os.fspath(path)}: {reason}; give a text file with one "
            "class name a line"
        ) from error
    first_line: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        name = line.strip()
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
