"""Read a table of boxes row by row: commas, semicolons or tabs, and what it is in the header."""

from __future__ import annotations

import csv
import itertools
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

from gluon_ssd.data.dataset import Box
from gluon_ssd.data.images import IMAGE_SUFFIXES
from gluon_ssd.data.sources.csv_columns import (
    CENTRE_AND_SIDES,
    CORNERS,
    Columns,
    read_header,
)
from gluon_ssd.errors import DataError
from gluon_ssd.system.plain_number import plain_number
from gluon_ssd.system.text_file import open_text
from gluon_ssd.system.wording import one_line, quoted, shown

_DELIMITERS = ",;\t|"
_EXAMPLE = "filename,xmin,ymin,xmax,ymax,class"
_LONGEST_HEADER, _LONGEST_LINE = 1 << 16, 1 << 20
_LONGEST_TEXT = 1000
_LARGEST = 1e9  # px, of a corner or a side; larger than any picture
_MOST_BYTES = 1 << 30  # of a table; all of its rows are in memory
_FLAGS = {"": False, "0": False, "1": True, "false": False, "true": True, "no": False, "yes": True}
_IN_BOX = re.compile(r"[\s,;]+")


class Row(NamedTuple):
    """One row.

    Attributes:
        line: its number in the file.
        picture: the name of the picture, as written.
        name: the class; empty in a table without such a column.
        box: corners as written, pixels or fractions; None for a picture without objects.
        size_hw: (height, width) of the picture, px, if the table has it.
        difficult, crowd: flags, False without such a column.
        split: to which the row belongs, in lower case; empty without such a column.
    """

    line: int
    picture: str
    name: str
    box: Box | None
    size_hw: tuple[int, int] | None = None
    difficult: bool = False
    crowd: bool = False
    split: str = ""


def read_rows(path: Path, on_broken: Callable[[int, str], None]) -> tuple[Columns, list[Row]]:
    """All rows of a table, blank ones left out.

    Args:
        path: the file.
        on_broken: called with the line and what is wrong with it; it may raise.

    Raises:
        DataError: the file cannot be read, or has no header that says what its columns are.
    """
    with _table(path) as file:
        first, skipped = file.readline(_LONGEST_HEADER), 0
        if first.lower().startswith("sep="):  # Excel's line in front of the header
            first, skipped = file.readline(_LONGEST_HEADER), 1
        if len(first) == _LONGEST_HEADER:
            raise DataError(f"{path} has a first line of {len(first)} characters; it is no table")
        delimiter, columns = _columns(first, path)
        lines = itertools.chain([first], _lines(file, path, skipped + 1))
        reader = csv.reader(lines, delimiter=delimiter)
        next(reader)
        return columns, list(_rows(reader, columns, skipped, on_broken))


def _lines(file: TextIO, path: Path, before: int) -> Iterator[str]:
    """The lines behind the first ones; none may make millions of cells."""
    for number in itertools.count(before + 1):
        line = file.readline(_LONGEST_LINE)
        if len(line) == _LONGEST_LINE:
            raise DataError(f"{path} line {number} has {_LONGEST_LINE} characters or more; cut it")
        if not line:
            return
        yield line


@contextmanager
def _table(path: Path) -> Iterator[TextIO]:
    try:
        size = os.stat(path).st_size
        if size > _MOST_BYTES:
            raise DataError(f"{path} has {size} bytes, allowed are {_MOST_BYTES}; split the table")
        with open_text(path) as file:
            yield file
    except OSError as error:
        raise DataError(f"cannot read the table {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        encoding = error.encoding.upper()
        raise DataError(f"{path} is not {encoding} text; save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{path} is no table: {error}; a quote may be missing") from error


def _columns(first: str, path: Path) -> tuple[str, Columns]:
    """The delimiter by which the header has the columns that are needed, and these."""
    found = []
    for delimiter in _DELIMITERS:
        cells = next(csv.reader([first], delimiter=delimiter), [])
        columns = read_header(cells)
        if columns.is_usable:
            return delimiter, columns
        found.append((columns.picture is not None, bool(columns.box), cells))
    has_picture, has_box, cells = max(found, key=lambda each: (each[0] + each[1], len(each[2])))
    example = f"a table of boxes begins with a line such as {_EXAMPLE}"
    if has_picture or has_box:
        missing = "the box" if has_picture else "the picture"
        names = ", ".join(shown(cell.strip()) for cell in cells[:12])
        raise DataError(f"{path} has no column for {missing}; its columns are {names}; {example}")
    if _is_retinanet(cells):
        raise DataError(
            f"{path} has no header; its first line looks like a row of RetinaNet's tables: write "
            "path,x1,y1,x2,y2,class above it"
        )
    raise DataError(f"{path} has no header that names its columns; {example}; got {quoted(first)}")


def _is_retinanet(cells: Sequence[str]) -> bool:
    """Whether a line is path, four corners and class, which RetinaNet's tables have from line 1."""
    if len(cells) != 6 or os.path.splitext(cells[0].lower())[1] not in IMAGE_SUFFIXES:
        return False
    return all(not cell.strip() or math.isfinite(plain_number(cell)) for cell in cells[1:5])


def _rows(
    reader: Iterator[list[str]],
    columns: Columns,
    skipped: int,
    on_broken: Callable[[int, str], None],
) -> Iterator[Row]:
    for cells in reader:
        if not any(map(str.strip, cells)):
            continue
        line = reader.line_num + skipped  # type: ignore[attr-defined]  # of csv's reader
        try:
            yield _row(cells, columns, line)
        except _Broken as fault:
            on_broken(line, str(fault))


class _Broken(Exception):
    """A row that cannot be used; the text says why."""


def _row(cells: list[str], columns: Columns, line: int) -> Row:
    """One row. Raises _Broken."""
    if len(cells) > columns.width and not any(map(str.strip, cells[columns.width :])):
        del cells[columns.width :]
    if len(cells) != columns.width:
        raise _Broken(
            f"has {len(cells)} cells, the header has {columns.width}; put names with a delimiter "
            "in quotes"
        )
    picture = _text(cells, columns.picture, "picture")
    if not picture:
        raise _Broken("names no picture")
    box = _box(cells, columns)
    name = one_line(_text(cells, columns.name, "class"))
    if box is not None and not name and columns.name is not None:
        raise _Broken("has a box and no class")
    return Row(
        line,
        picture,
        name,
        box,
        size_hw=_size(cells, columns),
        difficult=_flag(cells, columns.difficult),
        crowd=_flag(cells, columns.crowd),
        split=_text(cells, columns.split, "split").lower(),
    )


def _text(cells: Sequence[str], place: int | None, what: str) -> str:
    text = "" if place is None else cells[place].strip()
    if len(text) > _LONGEST_TEXT or "\0" in text:
        raise _Broken(f"has a {what} that is no name: {quoted(text)}")
    return text


def _box(cells: Sequence[str], columns: Columns) -> Box | None:
    texts = [cells[place].strip() for place in columns.box]
    if not any(texts):
        return None
    if len(texts) == 1:
        texts = [part for part in _IN_BOX.split(texts[0].strip("[](){} ")) if part]
        if not texts:
            return None
        if len(texts) != 4:
            raise _Broken(f"must have 4 numbers x, y, width, height as box; got {len(texts)}")
    values = []
    for text in texts:
        value = plain_number(text)
        if not abs(value) <= _LARGEST:
            raise _Broken(
                f"must have numbers of at most {_LARGEST:g} as box, with a decimal point; got "
                f"{quoted(text)}"
            )
        values.append(value)
    one, two, three, four = values
    if columns.form == CORNERS:
        return one, two, three, four
    if columns.form == CENTRE_AND_SIDES:
        one, two = one - three / 2, two - four / 2
    return one, two, one + three, two + four


def _size(cells: Sequence[str], columns: Columns) -> tuple[int, int] | None:
    """The size that a row claims; it is compared with the picture's, and costs nothing here."""
    sides = [plain_number(cells[place]) for place in columns.size]
    if len(sides) == 2 and all(1 <= side <= _LARGEST for side in sides):
        return int(sides[1]), int(sides[0])
    return None


def _flag(cells: Sequence[str], place: int | None) -> bool:
    text = "" if place is None else cells[place].strip().lower()
    if text == "-1":  # unknown, in Open Images
        return False
    if text not in _FLAGS:
        raise _Broken(f"must have 0 or 1 as a flag; got {quoted(text)}")
    return _FLAGS[text]
