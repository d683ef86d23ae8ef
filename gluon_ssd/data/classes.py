"""Class names of the published data sets, in label order, and files of class names."""

from __future__ import annotations

import os
from pathlib import Path

from gluon_ssd.data.class_names import COCO_CLASSES, VOC_CLASSES
from gluon_ssd.errors import DataError

__all__ = ["COCO_CLASSES", "COCO_IDS", "VOC_CLASSES", "read_classes_file"]

# Category ids that the 2017 annotation files never use (objects listed but not annotated).
_COCO_UNUSED_IDS = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83})

COCO_IDS: tuple[int, ...] = tuple(i for i in range(1, 91) if i not in _COCO_UNUSED_IDS)
"""COCO_IDS[label] is the sparse category id of COCO_CLASSES[label]."""


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
