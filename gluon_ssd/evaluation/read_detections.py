"""Detections back from the JSON file of --save-detections, matched with the images of a data set.

The form is that of `saved_detections`; the list of earlier versions is read, too.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.evaluation.saved_detections import SCHEMA, VERSION
from gluon_ssd.system.json_text import parse_json
from gluon_ssd.system.regular_file import read_regular
from gluon_ssd.system.wording import some_of

MOST_BYTES = 1 << 30
_LARGEST_PX = 1e6
_ADVICE = "write it anew with eval_ssd.py --save-detections"


def read_detections(
    path: str | os.PathLike[str],
    *,
    images: Sequence[str],
    sizes_hw: NDArray[Any],
    classes: Sequence[str],
    input_size_hw: tuple[int, int] | None = None,
) -> Detections:
    """Read what a detector found in the images of a data set.

    Args:
        path: of the file.
        images: path of each image of the data set. One that the file has under another folder is
            taken for the image of that name, where there is one alone.
        sizes_hw: int (I, 2), their sizes.
        classes: names in label order.
        input_size_hw: of the network's input; None takes what the file says. Where that says
            nothing, `input_boxes_px` are those of the images, and the size is (0, 0).

    Returns:
        The detections, rows ordered by image, within an image as in the file. Images that the file
        does not list are left out of them; a list of earlier versions has no list of images, and
        then none is left out.

    Raises:
        DataError: the file cannot be used, is of other images or of other classes.
    """
    try:
        text = read_regular(path, MOST_BYTES)
    except OSError as error:
        raise DataError(f"cannot read {os.fspath(path)}: {error.strerror or error}") from error
    source = os.fspath(path)
    content = parse_json(text, source)
    rows, listed, stated = _parts(content, source)
    index = _Index(images, source)
    left_out = np.zeros(0, np.int64)
    if listed is not None:
        there = {index.of(_image_name(entry, source)) for entry in listed}
        left_out = np.setdiff1d(np.arange(len(images)), sorted(there))
    labels = {name: label for label, name in enumerate(classes)}
    table = [_row(row, number, index, labels, source) for number, row in enumerate(rows, 1)]
    table.sort(key=lambda row: row[0])
    columns = np.array(table, np.float64).reshape(-1, 7)
    image_index = columns[:, 0].astype(np.int64)
    boxes = columns[:, 3:].astype(np.float32)
    size_hw = input_size_hw or stated
    return Detections(
        image_index=image_index,
        labels=columns[:, 1].astype(np.int64),
        scores=columns[:, 2].astype(np.float32),
        boxes_px=boxes,
        input_boxes_px=_in_input(boxes, image_index, sizes_hw, size_hw),
        sizes_hw=np.asarray(sizes_hw, np.int64).reshape(-1, 2),
        input_size_hw=size_hw or (0, 0),
        left_out=left_out,
    )


def _in_input(
    boxes: NDArray[Any],
    image_index: NDArray[Any],
    sizes_hw: NDArray[Any],
    size_hw: tuple[int, int] | None,
) -> NDArray[Any]:
    if size_hw is None:
        return boxes
    factors = np.asarray(size_hw, np.float64) / sizes_hw[image_index]
    limit = np.array([size_hw[1], size_hw[0]] * 2)
    return np.clip(boxes * factors[:, [1, 0, 1, 0]], 0, limit).astype(np.float32)


def _parts(
    content: Any, source: str
) -> tuple[list[Any], list[Any] | None, tuple[int, int] | None]:
    """Rows, list of images and size of the input, the last two where the file has them."""
    if isinstance(content, list):
        return content, None, None
    if not isinstance(content, Mapping) or content.get("schema") != SCHEMA:
        raise DataError(
            f'{source} is no file of detections: it is neither a list nor has it "schema" '
            f'"{SCHEMA}"; {_ADVICE}'
        )
    version = content.get("version")
    if version != VERSION:
        raise DataError(
            f"{source} is of version {version!r}, and this program reads {VERSION}; {_ADVICE}"
        )
    rows, listed = content.get("detections"), content.get("images")
    for name, value in (("detections", rows), ("images", listed)):
        if not isinstance(value, list):
            raise DataError(f'{source} has no list "{name}"; {_ADVICE}')
    return rows, listed, _stated_size(content, source)  # type: ignore[return-value]


def _stated_size(content: Mapping[str, Any], source: str) -> tuple[int, int] | None:
    size = content.get("input_size_hw")
    if size is None:
        return None
    is_right = (
        isinstance(size, list)
        and len(size) == 2
        and all(type(side) is int and 1 <= side <= 1 << 16 for side in size)
    )
    if not is_right:
        raise DataError(f"{source}: input_size_hw cannot be {str(size)[:60]}; {_ADVICE}")
    return size[0], size[1]


def _image_name(entry: Any, source: str) -> str:
    name = entry.get("image") if isinstance(entry, Mapping) else None
    if not isinstance(name, str):
        raise DataError(f"{source} lists an image without a name; {_ADVICE}")
    if entry.get("frame") is not None:
        raise DataError(f"{source} is of a film ({name[:200]}), not of the images of a data set")
    return name


class _Index:
    """Finds the position of an image by its path, or else by its name."""

    def __init__(self, images: Sequence[str], source: str) -> None:
        self._source = source
        self._exact = {path: place for place, path in enumerate(images)}
        names = [PurePath(path).name for path in images]
        counts = Counter(names)
        self._by_name = {n: place for place, n in enumerate(names) if counts[n] == 1}
        self._some = some_of(images, most=2)

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


def _row(
    row: Any, number: int, index: _Index, labels: Mapping[str, int], source: str
) -> tuple[float, ...]:
    """Position of the image, label, score and box of one detection."""
    where = f"{source}: detection {number}"
    if not isinstance(row, Mapping):
        raise DataError(f"{where} is no object; {_ADVICE}")
    try:
        image = index.of(_image_name(row, source))
    except DataError as error:
        raise DataError(f"detection {number}: {error}") from error
    name, score, box = row.get("class"), row.get("score"), row.get("box_px")
    if not isinstance(name, str) or name not in labels:
        raise DataError(
            f"{where} is of the class {str(name)[:60]!r}, which is none of the data set's "
            f"({some_of(list(labels))}); choose the data set that it was made of"
        )
    if not _is_number(score, 0, 1):
        raise DataError(f"{where}: the score cannot be {str(score)[:60]}; {_ADVICE}")
    is_box = isinstance(box, list) and len(box) == 4
    is_box = is_box and all(_is_number(value, -_LARGEST_PX, _LARGEST_PX) for value in box)
    if not is_box or box[2] < box[0] or box[3] < box[1]:
        raise DataError(f"{where}: box_px cannot be {str(box)[:60]}; {_ADVICE}")
    return (image, labels[name], float(score), *map(float, box))


def _is_number(value: Any, least: float, largest: float) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and least <= value <= largest
