"""The labels of MXNet's detection files: a row of numbers that holds the boxes of one image.

The row is A, B, A - 2 numbers more, and objects of B numbers each: class id, x_min, y_min, x_max,
y_max, then the difficult flag where B is 6 or more, then anything. Corners are fractions of the
image, or pixels in the lists of some programs. Rows of objects that begin with -1 are padding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from gluon_ssd.data.dataset import Box
from gluon_ssd.errors import DataError

_LEAST_HEADER, _LEAST_OBJECT = 2, 5
_PREFIX = 4  # channels, rows, columns and length, as the iterator of C++ hands labels out
_PADDING = -1
_LARGEST_ID = 1_000_000
_LARGEST = 1e9  # of a corner, as of COCO boxes
# No corner of a box in fractions is far above 1, and few boxes lie within the first two pixels.
_FRACTIONS_BELOW = 2


class IdObject(NamedTuple):
    """An object with the id of its class; the unit of its corners is that of the file."""

    class_id: int
    box: Box
    difficult: bool = False


class DetectionLabel(NamedTuple):
    """The boxes of an image, and its height and width where the header gives them."""

    objects: tuple[IdObject, ...]
    size_hw: tuple[int, int] | None = None


class NoBoxes(DataError):
    """The label is one number, as of a file for classification."""


def parse_label(numbers: Sequence[float] | np.ndarray, where: str) -> DetectionLabel:
    """Read one row of numbers.

    Args:
        numbers: of the row, (N,).
        where: names the label, for messages.

    Raises:
        NoBoxes: it is one number.
        DataError: it is no detection label.
    """
    with np.errstate(invalid="ignore"):  # some forms of NaN; they are refused below
        row = np.asarray(numbers, dtype=np.float64)
    if len(row) < 2:
        raise NoBoxes(
            f"{where} has one number as its label and no box, as files for classification have; "
            "pack the boxes with im2rec --pack-label"
        )
    row = _without_prefix(row)
    header, width = row[0], row[1]
    if not _is_layout(row):
        raise DataError(
            f"{where} has no detection label: its {len(row)} numbers begin with {header:g} and "
            f"{width:g}, which must be the widths of header (2 or more) and object (5 or more) and "
            "leave whole objects; pack the labels anew"
        )
    objects = row[int(header) :].reshape(-1, int(width))
    found = (_object(values, f"{where}: object {n}") for n, values in enumerate(objects, start=1))
    size = row[3:1:-1] if header >= 4 else row[:0]  # width and height
    known = len(size) == 2 and all(1 <= side <= _LARGEST and side == int(side) for side in size)
    return DetectionLabel(
        tuple(item for item in found if item is not None),
        (int(size[0]), int(size[1])) if known else None,
    )


def are_pixels(labels: Iterable[DetectionLabel]) -> bool:
    """Whether the corners of a file are pixels: most boxes reach further than fractions can."""
    furthest = [max(item.box) for label in labels for item in label.objects]
    return 2 * sum(value > _FRACTIONS_BELOW for value in furthest) > len(furthest)


def _is_layout(row: np.ndarray) -> bool:
    """Whether a row is a header and whole objects."""
    header, width = row[:2]
    return bool(
        np.isfinite(row[:2]).all()
        and header == int(header)
        and width == int(width)
        and _LEAST_HEADER <= header <= len(row)
        and width >= _LEAST_OBJECT
        and (len(row) - int(header)) % int(width) == 0
    )


def _without_prefix(row: np.ndarray) -> np.ndarray:
    """The row less the four numbers in front that some copies have, and what pads them behind."""
    rest = row[_PREFIX:]
    if len(rest) < _LEAST_HEADER or not np.isfinite(row[:_PREFIX]).all():
        return row
    channels, height, width, length = row[:_PREFIX]
    is_prefix = (
        channels in (1, 3, 4)
        and min(height, width) >= 1
        and length == int(length)
        and _LEAST_HEADER <= length <= len(rest)
    )
    return rest[: int(length)] if is_prefix and _is_layout(rest[: int(length)]) else row


def _object(values: np.ndarray, where: str) -> IdObject | None:
    """An object, or None for padding."""
    class_id = values[0]
    if class_id == _PADDING:
        return None
    if not (abs(class_id) <= _LARGEST_ID and class_id == int(class_id)):
        raise DataError(f"{where} has the class id {class_id:g}; ids are whole numbers from 0")
    if not (np.abs(values[1:5]) <= _LARGEST).all():
        got = ", ".join(f"{value:g}" for value in values[1:5])
        raise DataError(f"{where} has the corners ({got}); they must be finite numbers")
    x_min, y_min, x_max, y_max = map(float, values[1:5])
    difficult = len(values) > _LEAST_OBJECT and values[_LEAST_OBJECT] > 0
    return IdObject(int(class_id), (x_min, y_min, x_max, y_max), bool(difficult))
