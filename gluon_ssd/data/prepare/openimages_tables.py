"""The CSV files of Open Images, read row by row: 14.6 million boxes do not fit into memory.

An image id is 16 hexadecimal digits and is kept as a number of 64 bits.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.prepare.tally import Tally
from gluon_ssd.errors import DataError
from gluon_ssd.system.text_file import open_text

FLAGS = ("IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside")
_CORNERS = ("XMin", "XMax", "YMin", "YMax")
_IMAGE_ID = re.compile(r"[0-9a-f]{16}")
_BLOCK_ROWS = 1 << 18

OnRows = Callable[[int], object]


class Labels(NamedTuple):
    """known: every label of the file; categories: of the wanted ones, their positions."""

    known: frozenset[str]
    categories: dict[str, int]


class BoxRow(NamedTuple):
    """One box: image as a number, category, corners in shares of the image, values of FLAGS."""

    image: int
    category: int
    corners: tuple[float, float, float, float]
    flags: tuple[int, ...]


def image_name(image: int) -> str:
    """The id of an image as it is written."""
    return f"{image:016x}"


def read_labels(path: Path, names: Sequence[str]) -> Labels:
    """Join labels such as /m/0bt9lr with the names of classes, by the class-description file.

    Args:
        path: rows of label and display name, with or without a header.
        names: the wanted classes, in the order of their categories.

    Raises:
        DataError: the file cannot be read, a row has no two columns, or a class has no label or
            two.
    """
    positions = {name: position for position, name in enumerate(names)}
    known: set[str] = set()
    categories: dict[str, int] = {}
    with _text(path) as file:
        rows = csv.reader(file)
        for row in rows:
            if len(row) < 2:
                raise DataError(f"{path} line {rows.line_num} must be label,name; got {row!r}")
            label, name = row[0], row[1]
            if rows.line_num == 1 and not label.startswith("/"):
                continue
            known.add(label)
            if name in positions:
                categories[label] = positions[name]
    found = list(categories.values())
    missing = [name for name in names if positions[name] not in found]
    doubled = [name for name in names if found.count(positions[name]) > 1]
    if missing or doubled:
        what = f"no label for {', '.join(missing[:5])}" if missing else f"two for {doubled[0]!r}"
        raise DataError(
            f"{path} has {what} ({len(missing) or len(doubled)} of {len(names)} classes); it must "
            "be the class descriptions of the boxable classes"
        )
    return Labels(frozenset(known), categories)


def read_image_ids(path: Path) -> NDArray[np.uint64]:
    """Every id of an image list, rising. Raises DataError if it has none or a broken one."""
    found = []
    with _text(path) as file:
        rows = csv.reader(file)
        column = _columns(path, next(rows, []), ("ImageID",))[0]
        for row in rows:
            if len(row) <= column or not _IMAGE_ID.fullmatch(row[column]):
                raise DataError(
                    f"{path} line {rows.line_num} has no image id of 16 hexadecimal digits; the "
                    "file is damaged, remove it and fetch it anew"
                )
            found.append(int(row[column], 16))
    if not found:
        raise DataError(f"{path} lists no image; remove it and fetch it anew")
    return np.unique(np.array(found, np.uint64))


def wanted_images(
    path: Path, labels: Labels, listed: NDArray[np.uint64], tally: Tally, on_rows: OnRows
) -> NDArray[np.uint64]:
    """The images that have a box of a wanted class, rising.

    Args:
        path: of the boxes.
        labels: from `read_labels`.
        listed: from `read_image_ids`; boxes of other images are left out.
        tally: counts what is wrong with rows.
        on_rows: called with the number of rows since the last call.

    Raises:
        DataError: the file is none of boxes, has no wanted one, or too many bad rows.
    """
    parts: list[NDArray[np.uint64]] = [np.zeros(0, np.uint64)]
    images: list[int] = []
    num_rows = 0

    def count(rows: int) -> None:
        nonlocal num_rows
        num_rows += rows
        on_rows(rows)

    for box in read_boxes(path, labels, listed, tally, count):
        if not images or box.image != images[-1]:
            images.append(box.image)
        if len(images) >= _BLOCK_ROWS:
            parts.append(np.unique(np.array(images, np.uint64)))
            images = []
    found = np.unique(np.concatenate([*parts, np.array(images, np.uint64)]))
    tally.stop_above_share(num_rows)
    if not len(found):
        raise DataError(f"{path} has no box of the {len(labels.categories)} classes wanted")
    return found


def read_boxes(
    path: Path,
    labels: Labels,
    listed: NDArray[np.uint64],
    tally: Tally,
    on_rows: OnRows = lambda rows: None,
) -> Iterator[BoxRow]:
    """Boxes of wanted classes in the order of the file, clipped to their images.

    Rows of other classes are passed over. Bad rows are counted: an unknown label, an image that is
    not listed, values missing or no numbers, x_min >= x_max, nothing inside the image.
    """
    judge = _Judge(labels, listed)
    with _text(path) as file:
        header = file.readline().rstrip("\r\n").split(",")
        pick = itemgetter(*_columns(path, header, ("ImageID", "LabelName", *_CORNERS, *FLAGS)))
        number = 1
        for number, line in enumerate(file, 2):
            if number % _BLOCK_ROWS == 0:
                on_rows(_BLOCK_ROWS)
            try:
                box = judge(pick(line.rstrip("\r\n").split(",")))
            except IndexError:
                tally.add("broken row", number, f"{line.rstrip()[:80]!r} has too few columns")
            except _BadRow as bad:
                tally.add(bad.reason, number, bad.detail)
                if bad.box is not None:
                    yield bad.box
            else:
                if box is not None:
                    yield box
        on_rows((number - 1) % _BLOCK_ROWS)


class _BadRow(Exception):
    """A row with something wrong; box: what can be used of it, if anything."""

    def __init__(self, reason: str, detail: str, box: BoxRow | None = None) -> None:
        super().__init__(reason)
        self.reason, self.detail, self.box = reason, detail, box


class _Judge:
    """Turns a row's texts into a box. Raises _BadRow; returns None for a class not wanted."""

    def __init__(self, labels: Labels, listed: NDArray[np.uint64]) -> None:
        self._known, self._categories = labels
        self._listed = listed
        # Rows of one image follow one another.
        self._image, self._number, self._is_listed = "", 0, False

    def __call__(self, texts: Sequence[str]) -> BoxRow | None:
        image, label = texts[:2]
        category = self._categories.get(label)
        if category is None:
            if label in self._known:
                return None
            raise _BadRow("unknown class", f"label {label!r} is not among the class descriptions")
        if image != self._image:
            self._look_up(image)
        if not self._is_listed:
            raise _BadRow("label of an unlisted image", f"image {image!r}")
        try:
            x_min, x_max, y_min, y_max = map(float, texts[2:6])
            flags = tuple(map(int, texts[6:]))
        except ValueError as error:
            raise _BadRow("broken row", str(error)) from error
        corners = (x_min, y_min, x_max, y_max)
        if min(flags) < -1 or max(flags) > 1 or not all(map(math.isfinite, corners)):
            raise _BadRow("broken row", f"values {','.join(texts[2:])}")
        if 0 <= x_min < x_max <= 1 and 0 <= y_min < y_max <= 1:
            return BoxRow(self._number, category, corners, flags)
        if x_min >= x_max or y_min >= y_max:
            raise _BadRow("degenerate box", f"corners {corners}")
        inside = (max(x_min, 0.0), max(y_min, 0.0), min(x_max, 1.0), min(y_max, 1.0))
        if inside[0] >= inside[2] or inside[1] >= inside[3]:
            raise _BadRow("box beyond the image", f"corners {corners}")
        box = BoxRow(self._number, category, inside, flags)
        raise _BadRow("box partly outside the image", f"corners {corners}", box)

    def _look_up(self, image: str) -> None:
        self._image, self._is_listed = image, False
        if _IMAGE_ID.fullmatch(image):
            self._number = int(image, 16)
            place = np.searchsorted(self._listed, np.uint64(self._number))
            self._is_listed = bool(
                place < len(self._listed) and self._listed[place] == self._number
            )


def _columns(path: Path, header: list[str], names: Sequence[str]) -> list[int]:
    missing = [name for name in names if name not in header]
    if missing:
        raise DataError(
            f"{path} has no column {missing[0]}; its first line is {','.join(header)[:80]!r}; "
            "remove it and fetch it anew"
        )
    return [header.index(name) for name in names]


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    """A table opened for reading; DataError naming it where it is not there or no text."""
    try:
        with open_text(path) as file:
            yield file
    except OSError as error:
        raise DataError(f"cannot read the table {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise DataError(
            f"cannot read the table {path}: {reason}; remove it and fetch it anew"
        ) from error
