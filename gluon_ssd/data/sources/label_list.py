"""Read the lists of MXNet's im2rec: lines of an index, label numbers and an image's path."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gluon_ssd.data.problems import Problem
from gluon_ssd.data.sources.detection_label import DetectionLabel, NoBoxes, parse_label
from gluon_ssd.errors import DataError
from gluon_ssd.system.plain_number import plain_number
from gluon_ssd.system.text_file import each_line
from gluon_ssd.system.wording import quoted

LIST_SUFFIX = ".lst"

_LARGEST_INDEX = 1 << 63


class ListEntry(NamedTuple):
    """One line.

    Attributes:
        number: the index.
        label: its boxes.
        path: of the image, as it is written.
        where: names the line, for messages.
        problems: what was found on reading.
    """

    number: int
    label: DetectionLabel
    path: str
    where: str
    problems: tuple[Problem, ...] = ()


def read_label_list(path: Path, *, tolerant: bool) -> list[ListEntry]:
    """The lines of a list, in order.

    Args:
        path: the list.
        tolerant: count a broken label and take the image without objects, instead of raising.

    Raises:
        DataError: naming the line at fault; or there is none, or an index stands twice.
    """
    entries = list(_entries(path, tolerant))
    if not entries:
        raise DataError(f"{path} lists no image")
    first: dict[int, str] = {}
    for entry in entries:
        if entry.number in first:
            raise DataError(
                f"{entry.where}: the index {entry.number} stands in {first[entry.number]} already; "
                "give each image an index of its own"
            )
        first[entry.number] = entry.where
    return entries


def _entries(path: Path, tolerant: bool) -> Iterator[ListEntry]:
    is_first = True
    for count, line in enumerate(each_line(path, "image list"), start=1):
        if not line.strip():
            continue
        where = f"{path} line {count}"
        number, numbers, name = _fields(line, where)
        try:
            yield ListEntry(number, parse_label(_floats(numbers, where), where), name, where)
        except DataError as error:
            if isinstance(error, NoBoxes) and is_first:
                raise DataError(f"{path} is a list for classification: {error}") from error
            if not tolerant:
                raise
            problem = Problem("broken annotation", where, str(error).removeprefix(f"{where} "))
            yield ListEntry(number, DetectionLabel(()), name, where, (problem,))
        is_first = False


def _fields(line: str, where: str) -> tuple[int, list[str], str]:
    fields = line.split("\t")
    if len(fields) < 3:
        raise DataError(
            f"{where} must be an index, label numbers and a path with tabs between; it has "
            f"{len(fields)} fields: {quoted(line)}"
        )
    (index,) = _floats(fields[:1], where)
    if not (0 <= index < _LARGEST_INDEX and index == int(index)):
        raise DataError(f"{where} has the index {quoted(fields[0])}; write a whole number from 0")
    name = fields[-1].strip()
    if not name or "\0" in name:
        raise DataError(f"{where} has no path of an image behind its numbers")
    return int(index), fields[1:-1], name


def _floats(texts: list[str], where: str) -> list[float]:
    values = [plain_number(text) for text in texts]
    for text, value in zip(texts, values, strict=True):
        # One that is written as nan is told where it is used.
        if math.isnan(value) and text.strip("+- ").lower() != "nan":
            raise DataError(f"{where} has {quoted(text)} where a number of the label is expected")
    return values
