"""Detections back from a file of `saved_detections`, matched with the images of a data set."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.evaluation.saved_detections import SCHEMA, VERSION, readable_name
from gluon_ssd.system.json_text import parse_json
from gluon_ssd.system.regular_file import read_regular
from gluon_ssd.system.wording import some_of

MOST_BYTES = 1 << 30
_LARGEST_PX, _LARGEST_SIDE = 1e6, 1 << 20
_LARGEST_SCORE = 1 + 1e-5  # a runtime's own rounding may go beyond 1
_NO_BOX: tuple[float, ...] = (float("nan"),) * 4
_ADVICE = "write it anew with eval_ssd.py --save-detections"


@dataclass(frozen=True)
class SavedFile:
    """A file of detections, parsed, its rows not looked at yet.

    Attributes:
        path: of the file, for messages.
        classes: names in the label order of the detector; None where it has none.
        input_size_hw: height and width of the network's input, px; None where the file does not
            say it.
        rows: the detections.
        images: the images that were looked at.
    """

    path: str
    classes: tuple[str, ...] | None
    input_size_hw: tuple[int, int] | None
    rows: Sequence[Any]
    images: Sequence[Any]

    def detections(self, images: Sequence[str], classes: Sequence[str]) -> Detections:
        """What the detector found in the images of a data set.

        Args:
            images: path of each image of the data set. One that the file has under another folder
                is taken for the image of that name, where there is one alone.
            classes: names in label order.

        Returns:
            The detections, rows ordered by image, within an image as in the file. Images that the
            file does not list are left out of them. What `save_detections` wrote comes back bit
            by bit. Where the file does not have boxes in pixels of the network's input they are
            computed; where it does not say the size of that either, it is (0, 0), and
            `input_boxes_px` are `boxes_px`.

        Raises:
            DataError: a row cannot be used, or is of other images or other classes.
        """
        index = _Index(images, self.path)
        sizes_hw = np.zeros((len(images), 2), np.int64)
        for number, entry in enumerate(self.images, 1):
            place = index.of(_image_name(entry, f"{self.path}: image {number}"))
            sizes_hw[place] = _size(entry, f"{self.path}: image {number}")
        labels = {name: label for label, name in enumerate(classes)}
        rows = [
            _row(row, index, labels, f"{self.path}: detection {number}")
            for number, row in enumerate(self.rows, 1)
        ]
        rows.sort(key=lambda row: row[0])
        columns = np.array(rows, np.float64).reshape(-1, 11)
        image_index = columns[:, 0].astype(np.int64)
        if (sizes_hw[image_index] == 0).any():
            raise DataError(
                f"{self.path} has detections in an image that it does not list; {_ADVICE}"
            )
        boxes, inside = columns[:, 3:7].astype(np.float32), columns[:, 7:].astype(np.float32)
        return Detections(
            image_index=image_index,
            labels=columns[:, 1].astype(np.int64),
            scores=columns[:, 2].astype(np.float32),
            boxes_px=boxes,
            input_boxes_px=_in_input(boxes, inside, sizes_hw[image_index], self.input_size_hw),
            sizes_hw=sizes_hw,
            input_size_hw=self.input_size_hw or (0, 0),
            left_out=np.flatnonzero(sizes_hw[:, 0] == 0),
        )


def read_saved(path: str | os.PathLike[str]) -> SavedFile:
    """Read a file of --save-detections.

    Raises:
        DataError: it cannot be read, or is none.
    """
    source = os.fspath(path)
    try:
        text = read_regular(path, MOST_BYTES)
    except OSError as error:
        raise DataError(f"cannot read {source}: {error.strerror or error}") from error
    content = parse_json(text, source)
    if not isinstance(content, Mapping) or content.get("schema") != SCHEMA:
        raise DataError(f'{source} is no file of detections (its "schema" says so); {_ADVICE}')
    if content.get("version") != VERSION:
        raise DataError(
            f"{source} is of version {str(content.get('version'))[:60]}, and this program reads "
            f"{VERSION}; {_ADVICE}"
        )
    return SavedFile(
        source,
        _classes(content.get("classes"), source),
        _input_size(content.get("input_size_hw"), source),
        _list("detections", content, source),
        _list("images", content, source),
    )


def _list(name: str, content: Mapping[str, Any], source: str) -> list[Any]:
    value = content.get(name)
    if not isinstance(value, list):
        raise DataError(f'{source} has no list "{name}"; {_ADVICE}')
    return value


def _classes(names: Any, source: str) -> tuple[str, ...] | None:
    is_right = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not is_right or len(set(names)) < len(names):
        raise DataError(f"{source}: classes cannot be {str(names)[:60]}; {_ADVICE}")
    return tuple(names) or None


def _input_size(size: Any, source: str) -> tuple[int, int] | None:
    if size is None:
        return None
    if not (isinstance(size, list) and len(size) == 2 and all(map(_is_side, size))):
        raise DataError(f"{source}: input_size_hw cannot be {str(size)[:60]}; {_ADVICE}")
    return size[0], size[1]


def _is_side(side: Any) -> bool:
    return type(side) is int and 1 <= side <= _LARGEST_SIDE


def _image_name(entry: Any, where: str) -> str:
    name = entry.get("image") if isinstance(entry, Mapping) else None
    if not isinstance(name, str):
        raise DataError(f"{where} has no name of an image; {_ADVICE}")
    if entry.get("frame") is not None:
        raise DataError(f"{where} is a frame of the film {name[:200]}, not an image of a data set")
    return name


def _size(entry: Mapping[str, Any], where: str) -> tuple[int, int]:
    height, width = entry.get("height"), entry.get("width")
    if not (_is_side(height) and _is_side(width)):
        raise DataError(f"{where}: it cannot be {str(width)[:20]} x {str(height)[:20]}; {_ADVICE}")
    return height, width  # type: ignore[return-value]


class _Index:
    """Finds the position of an image by its path, or else by its name."""

    def __init__(self, images: Sequence[str], source: str) -> None:
        images = [readable_name(path) for path in images]
        self._source, self._some = source, some_of(images, most=2)
        self._exact = {path: place for place, path in enumerate(images)}
        names = [PurePath(path).name for path in images]
        counts = Counter(names)
        self._by_name = {name: place for place, name in enumerate(names) if counts[name] == 1}

    def of(self, path: str) -> int:
        """Position of the image. Raises DataError where there is none, or several."""
        place = self._exact.get(path)
        if place is None:
            place = self._by_name.get(PurePath(path).name)
        if place is None:
            raise DataError(
                f"{self._source} names the image {path[:200]}, which is not one of the data set "
                f"({self._some}); choose the data set or the split that it was made of"
            )
        return place


def _row(row: Any, index: _Index, labels: Mapping[str, int], where: str) -> tuple[float, ...]:
    """Position of the image, label, score, box, and box in the input or NaN, of one detection."""
    image = index.of(_image_name(row, where))
    score, inside = row.get("score"), _NO_BOX
    if not _is_number(score, 0, _LARGEST_SCORE):
        raise DataError(f"{where}: the score cannot be {str(score)[:60]}; {_ADVICE}")
    box = _box(row, "box_px", where)
    if row.get("input_box_px") is not None:
        inside = _box(row, "input_box_px", where)
    return (image, _label(row, labels, where), float(score), *box, *inside)


def _box(row: Mapping[str, Any], name: str, where: str) -> tuple[float, ...]:
    box: Any = row.get(name)
    is_box = isinstance(box, list) and len(box) == 4
    is_box = is_box and all(_is_number(value, -_LARGEST_PX, _LARGEST_PX) for value in box)
    if not is_box or box[2] < box[0] or box[3] < box[1]:
        raise DataError(f"{where}: {name} cannot be {str(box)[:60]}; {_ADVICE}")
    return tuple(map(float, box))


def _label(row: Mapping[str, Any], labels: Mapping[str, int], where: str) -> int:
    """Of the data set, by name, or by number where the detector has no names."""
    name, label = row.get("class"), row.get("label")
    # Files of before said null there.
    is_number = name is None or (name == f"class {label}" and name not in labels)
    if is_number and type(label) is int and 0 <= label < len(labels):
        return label
    if not isinstance(name, str) or name not in labels:
        raise DataError(
            f"{where} is of the class {str(label if is_number else name)[:60]!r}, which is none "
            f"of the data set's ({some_of(list(labels))}); choose the data set that it was made of"
        )
    return labels[name]


def _is_number(value: Any, least: float, largest: float) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and least <= value <= largest


def _in_input(
    boxes: NDArray[Any],
    written: NDArray[Any],
    sizes_hw: NDArray[Any],
    input_size_hw: tuple[int, int] | None,
) -> NDArray[Any]:
    """Boxes (N, 4) of images of sizes (N, 2), in pixels of the input and clipped to it.

    `written` (N, 4) are the same as the file has them, NaN where it does not.
    """
    if input_size_hw is None:
        return boxes
    factors = np.asarray(input_size_hw, np.float64) / sizes_hw
    limit = np.array([input_size_hw[1], input_size_hw[0]] * 2)
    computed = np.clip(boxes * factors[:, [1, 0, 1, 0]], 0, limit).astype(np.float32)
    inside: NDArray[Any] = np.where(np.isnan(written), computed, written)
    return inside
