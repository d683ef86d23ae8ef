"""Read one VOC annotation file: image size and objects, every missing field named."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

from gluon_ssd.data.dataset import RawObject
from gluon_ssd.errors import DataError

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_annotation(path: str) -> tuple[tuple[int, int] | None, list[RawObject]]:
    """Parse an annotation file.

    Returns:
        (height, width) in pixels, None when the file gives none or 0; and the objects in file
        order, their corners counted from 0 (1 is subtracted).

    Raises:
        DataError: naming the file, and the line or the object (counted from 1) at fault.
    """
    root = _parse(path)
    objects = [
        _read_object(element, f"{path}: object {number}")
        for number, element in enumerate(root.iter("object"), start=1)
    ]
    return _read_size(root, path), objects


def _parse(path: str) -> ElementTree.Element:
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise DataError(
            f"{path} is not valid XML: {error}; the file is damaged or cut off, write it anew"
        ) from error
    except (LookupError, ValueError) as error:
        raise DataError(f"{path} is not valid XML: {error}; save it as UTF-8") from error
    except OSError as error:
        raise DataError(
            f"cannot read the annotation {path}: {error.strerror or error}; a background image "
            "needs a file too, one without <object>"
        ) from error
    if root.tag != "annotation":
        raise DataError(f"{path} is no VOC annotation: it starts with <{root.tag}>")
    return root


def _read_size(root: ElementTree.Element, path: str) -> tuple[int, int] | None:
    size = root.find("size")
    if size is None:
        return None
    height, width = (_number(size, name, f"{path}: <size>") for name in ("height", "width"))
    # Some labelling tools write 0 for "unknown".
    return (int(height), int(width)) if height > 0 and width > 0 else None


def _read_object(element: ElementTree.Element, where: str) -> RawObject:
    name = (element.findtext("name") or "").strip()
    if not name:
        raise DataError(f"{where} has no <name>; add its class name or remove the object")
    box = element.find("bndbox")
    if box is None:
        raise DataError(f"{where} has no <bndbox>; add its box or remove the object")
    x_min, y_min, x_max, y_max = (_number(box, corner, where) - 1 for corner in _CORNERS)
    is_difficult = _is_set(element.findtext("difficult"))
    return RawObject(name, (x_min, y_min, x_max, y_max), difficult=is_difficult)


def _number(parent: ElementTree.Element, name: str, where: str) -> float:
    text = parent.findtext(name)
    if text is None:
        raise DataError(f"{where} has no <{name}>; add the number")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{where}: <{name}> must be a number; got {text.strip()!r}")
    return value


def _is_set(text: str | None) -> bool:
    # A missing or unreadable flag means "not difficult", as in the legacy reader.
    text = (text or "").strip()
    return text.isdigit() and int(text) != 0
