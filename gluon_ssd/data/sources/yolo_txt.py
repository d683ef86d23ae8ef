"""Read one label file of YOLO: a line for each object, its numbers as fractions of the picture.

| numbers of a line | meaning |
|---|---|
| 5 | class, x and y of the centre, width, height |
| 7, 9, 11, ... | class, and the points x, y of a polygon, whose box is taken |
| 6 | as a detector writes its finds, with a confidence: no label |
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gluon_ssd.errors import DataError
from gluon_ssd.system.plain_number import plain_number
from gluon_ssd.system.text_file import read_lines
from gluon_ssd.system.wording import quoted, shown

_MOST_CLASSES = 1_000_000
_MOST_NUMBERS = 100_000  # of a line; polygons have some hundreds
_MOST_OBJECTS = 100_000  # of a picture
# Programs round, and a box may reach over the edge by that.
_SLACK = 0.01


class YoloObject(NamedTuple):
    """One line. line: its number; box: corners as fractions, not cut to the picture."""

    line: int
    class_id: int
    box: tuple[float, float, float, float]
    is_polygon: bool = False


def read_yolo_labels(path: str) -> list[YoloObject]:
    """The objects of a label file, none where it is empty.

    Raises:
        DataError: naming the file and the line.
    """
    found: list[YoloObject] = []
    for number, line in enumerate(read_lines(path, "label file"), start=1):
        if not line.strip():
            continue
        if len(found) == _MOST_OBJECTS:
            raise DataError(f"{path} has more than {_MOST_OBJECTS} objects; allowed are no more")
        found.append(_read(line, number, f"{path} line {number}"))
    return found


def _read(line: str, number: int, where: str) -> YoloObject:
    words = line.split(None, _MOST_NUMBERS)
    if len(words) > _MOST_NUMBERS:
        raise DataError(f"{where} has more than {_MOST_NUMBERS} numbers; allowed are no more")
    if len(words) == 6:
        raise DataError(
            f"{where} has 6 numbers; a label has 5: class, x and y of the centre, width, height; "
            "a sixth is the confidence of a detector's find: take it away, if those are labels"
        )
    if len(words) < 5 or len(words) % 2 == 0:
        raise DataError(
            f"{where} has {len(words)} numbers; a box has 5 (class, x and y of the centre, width, "
            f"height), and a polygon 7, 9, 11, ...; got {quoted(line.strip())}"
        )
    class_id = _class_id(words[0], where)
    values = [_fraction(word, where) for word in words[1:]]
    if len(values) > 4:
        xs, ys = values[0::2], values[1::2]
        return YoloObject(number, class_id, (min(xs), min(ys), max(xs), max(ys)), True)
    x, y, width, height = values
    box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return YoloObject(number, class_id, box)


def _class_id(word: str, where: str) -> int:
    value = plain_number(word)
    if not (value == value // 1 and 0 <= value < _MOST_CLASSES):
        raise DataError(
            f"{where} must begin with the number of a class, 0, 1, 2, ...; got {quoted(word)}"
        )
    return int(value)


def _fraction(word: str, where: str) -> float:
    value = plain_number(word)
    if not math.isfinite(value):
        raise DataError(f"{where} must hold finite numbers; got {quoted(word)}")
    if value > 1 + _SLACK:
        raise DataError(
            f"{where} holds {shown(value)}, which looks like pixels; YOLO's numbers are fractions "
            "from 0 to 1: divide x and width by the width of the picture, y and height by its "
            "height"
        )
    if value < -_SLACK:
        raise DataError(f"{where} holds {shown(value)}; YOLO's numbers are fractions from 0 to 1")
    return value
