"""Boxes as SageMaker writes them in JSON: one image's size and annotations, every field checked.

The same object stands in a file for each image, and in the lines of augmented manifests. A box is
left, top, width and height in pixels; its right edge is left + width, and nothing is subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeGuard

from gluon_ssd.data.sources.detection_label import IdObject
from gluon_ssd.errors import DataError
from gluon_ssd.system.wording import one_line, shown

_SIDES = ("left", "top", "width", "height")
_LARGEST = 1e9  # px
_LARGEST_ID = 1_000_000
_LONGEST_NAME = 200


class JsonLabel(NamedTuple):
    """What is annotated of an image; `size_hw` is None where no usable size is given."""

    objects: tuple[IdObject, ...]
    size_hw: tuple[int, int] | None


def read_label(value: Any, where: str) -> JsonLabel:
    """Read `image_size` and `annotations` of an object.

    Raises:
        DataError: naming the annotation and the field at fault.
    """
    if not isinstance(value, dict):
        raise DataError(f"{where} must be an object with annotations; got {shown(value)}")
    annotations = value.get("annotations")
    if not isinstance(annotations, list):
        raise DataError(
            f"{where} has no list of annotations; an image without objects has an empty one"
        )
    objects = [_object(each, f"{where}: annotations[{n}]") for n, each in enumerate(annotations)]
    return JsonLabel(tuple(objects), _size(value.get("image_size")))


def class_id(value: Any, where: str) -> int:
    """A class id, a whole number or a text of one. Raises DataError."""
    number = value
    if isinstance(value, str) and len(value) <= 10 and value.isascii() and value.isdigit():
        number = int(value)
    if isinstance(number, bool) or not isinstance(number, int | float) or number != number:
        raise DataError(f"{where} must be a whole number from 0; got {shown(value)}")
    if not 0 <= number <= _LARGEST_ID or number != int(number):
        raise DataError(f"{where} must be a whole number from 0; got {shown(value)}")
    return int(number)


def class_name(value: Any, where: str) -> str:
    """The name of a class on one line. Raises DataError."""
    name = one_line(value.strip()) if isinstance(value, str) else ""
    if not name or len(name) > _LONGEST_NAME:
        raise DataError(
            f"{where} must be a name of at most {_LONGEST_NAME} letters; got {shown(value)}"
        )
    return name


def add_names(names: dict[int, str], more: Iterator[tuple[int, str]], where: str) -> None:
    """Take the names of ids into a union. Raises DataError where one id has two names."""
    for number, name in more:
        earlier = names.setdefault(number, name)
        if earlier != name:
            raise DataError(
                f"{where}: the class id {number} is {shown(name)} here and {shown(earlier)} "
                "before; give each class an id of its own"
            )


def _object(value: Any, where: str) -> IdObject:
    if not isinstance(value, dict):
        raise DataError(f"{where} must be an object with fields; got {shown(value)}")
    for field in ("class_id", *_SIDES):
        if field not in value:
            raise DataError(f"{where} has no {field!r}; a box has {', '.join(_SIDES)} in pixels")
    left, top, width, height = (_number(value[side], f"{where} {side!r}") for side in _SIDES)
    number = class_id(value["class_id"], f"{where} 'class_id'")
    return IdObject(number, (left, top, left + width, top + height))


def _number(value: Any, where: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or abs(value) > _LARGEST:
        raise DataError(f"{where} must be a number of pixels; got {shown(value)}")
    return float(value)


def _size(value: Any) -> tuple[int, int] | None:
    """Height and width of a list of one size, or None where it gives none that can be used."""
    entry = value[0] if isinstance(value, list) and value else value
    if not isinstance(entry, dict):
        return None
    height, width = entry.get("height"), entry.get("width")
    return (height, width) if _is_side(height) and _is_side(width) else None


def _is_side(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LARGEST
