"""Read one VOC annotation file: image size and objects, every missing field named."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from gluon_ssd.data.dataset import RawObject
from gluon_ssd.errors import DataError
from gluon_ssd.system.plain_number import plain_number
from gluon_ssd.system.regular_file import read_regular
from gluon_ssd.system.text_file import MOST_TEXT_BYTES
from gluon_ssd.system.wording import one_line, quoted
from gluon_ssd.system.xml_text import parse_xml

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_LINE_BREAK = re.compile(r"[ \n\r\t]*[\n\r\t][ \n\r\t]*")
_LONGEST_NUMBER = 64
_LARGEST = 1e9  # px, of a side or a corner; larger than any picture
_LONGEST_NAME = 200


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
    if objects and all(map(_is_fraction, objects)):
        raise DataError(
            f"{path}: the corners of its boxes are fractions of the image, from 0 to 1; VOC counts "
            "pixels from 1: multiply x by the width, y by the height, and add 1"
        )
    return _read_size(root, path), objects


def _parse(path: str) -> ElementTree.Element:
    try:
        content = read_regular(path, MOST_TEXT_BYTES)
    except FileNotFoundError as error:
        raise DataError(
            f"cannot read the annotation {path}: {error.strerror}; a background image needs a "
            "file too, one without <object>"
        ) from error
    except OSError as error:
        raise DataError(f"cannot read the annotation {path}: {error.strerror or error}") from error
    root = parse_xml(content, path)
    if root.tag != "annotation":
        raise DataError(f"{path} is no VOC annotation: it starts with <{one_line(root.tag[:60])}>")
    return root


def _read_size(root: ElementTree.Element, path: str) -> tuple[int, int] | None:
    found = [_one_size(size, f"{path}: <size>") for size in root.findall("size")]
    # Some labelling tools write 0 for "unknown".
    sizes = {size for size in found if min(size) > 0}
    if len(sizes) > 1:
        raise DataError(f"{path} has {len(sizes)} different <size>; leave the right one")
    return sizes.pop() if sizes else None


def _one_size(size: ElementTree.Element, where: str) -> tuple[int, int]:
    return int(_number(size, "height", where)), int(_number(size, "width", where))


def _read_object(element: ElementTree.Element, where: str) -> RawObject:
    # A name may be broken over lines; it is one name all the same.
    name = (element.findtext("name") or "").strip()
    if not name.isprintable():
        name = _LINE_BREAK.sub(" ", name)
    if not name:
        raise DataError(f"{where} has no <name>; add its class name or remove the object")
    if len(name) > _LONGEST_NAME:
        raise DataError(f"{where}: <name> is {quoted(name)}; at most {_LONGEST_NAME} are read")
    boxes = element.findall("bndbox")
    if not boxes:
        raise DataError(f"{where} has no <bndbox>; add its box or remove the object")
    if len(boxes) > 1:
        raise DataError(f"{where} has {len(boxes)} <bndbox>; write an object for each")
    x_min, y_min, x_max, y_max = (_number(boxes[0], corner, where) - 1 for corner in _CORNERS)
    is_difficult = _is_set(element.findtext("difficult"))
    return RawObject(name, (x_min, y_min, x_max, y_max), difficult=is_difficult)


def _number(parent: ElementTree.Element, name: str, where: str) -> float:
    text = parent.findtext(name)
    if text is None:
        raise DataError(f"{where} has no <{name}>; add the number")
    value = plain_number(text)
    if not abs(value) <= _LARGEST:
        got = quoted(text.strip())
        raise DataError(f"{where}: <{name}> must be a number of at most {_LARGEST:g}; got {got}")
    return value


def _is_set(text: str | None) -> bool:
    # A missing or unreadable flag means "not difficult", as in the legacy reader.
    text = (text or "").strip()[:_LONGEST_NUMBER]
    return text.isascii() and text.isdigit() and int(text) != 0


def _is_fraction(item: RawObject) -> bool:
    """Whether no corner (counted from 0 already) is above pixel 1 and one lies between pixels."""
    within = all(-1 <= value <= 0 for value in item.box)
    return within and any(value != int(value) for value in item.box)
