"""The EXIF orientation of photos, and which photos of a data set were labelled upright.

A camera stores a photo as its sensor lies and writes into the file how to turn it. Some labelling
programs draw boxes on the photo as stored, others on the turned one. Where turning exchanges the
sides, the size in the annotation tells; else an option decides. It is judged once, when a data set
is opened, and the data set carries the answer to whoever reads its images.
"""

from __future__ import annotations

import logging
import os
import struct
from typing import BinaryIO

import numpy as np

from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.images import MAX_PIXELS, image_size, read_image
from gluon_ssd.data.problems import Problem
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.system.regular_file import open_regular

_log = logging.getLogger(__name__)

AS_STORED = 1
"""The orientation of an image that is not turned, and of one whose file names none."""

_SWAPS_SIDES = 5  # the orientations from here on exchange height and width
_ORIENTATIONS = range(1, 9)
_TAG = 0x0112
_TYPES = {3: 2, 4: 4}  # type of a TIFF entry -> bytes of one value: SHORT, LONG
_START_OF_SCAN, _END, _APP1 = 0xDA, 0xD9, 0xE1
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
_MOST_SEGMENTS = 1000


def orientation_of_file(path: str | os.PathLike[str]) -> int:
    """The EXIF orientation of a JPEG file, 1 to 8.

    1 too where there is no tag, an impossible one, or no JPEG; whether the file can be used at all
    is judged by who reads the image.
    """
    try:
        with open_regular(path) as file:
            return orientation_of(file)
    except OSError:
        return AS_STORED


def orientation_of(file: BinaryIO) -> int:
    """As `orientation_of_file`, of an opened file."""
    if file.read(2) != b"\xff\xd8":
        return AS_STORED
    for _ in range(_MOST_SEGMENTS):
        marker = _next_marker(file)
        if marker in (None, _START_OF_SCAN, _END):
            return AS_STORED
        if marker in _WITHOUT_LENGTH:
            continue
        length = int.from_bytes(file.read(2), "big") - 2
        if length < 0:
            return AS_STORED
        if marker != _APP1:
            file.seek(length, os.SEEK_CUR)
            continue
        segment = file.read(length)
        if segment.startswith(b"Exif\0\0"):
            return _of_tiff(segment[6:])
    return AS_STORED


def _next_marker(file: BinaryIO) -> int | None:
    if file.read(1) != b"\xff":
        return None
    byte = file.read(1)
    while byte == b"\xff":  # any number of fill bytes may stand before a marker
        byte = file.read(1)
    return byte[0] if byte else None


def _of_tiff(data: bytes) -> int:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None or len(data) < 8:
        return AS_STORED
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    if start + 2 > len(data):
        return AS_STORED
    (count,) = struct.unpack_from(f"{order}H", data, start)
    for place in range(start + 2, min(start + 2 + 12 * count, len(data) - 11), 12):
        tag, kind = struct.unpack_from(f"{order}HH", data, place)
        if tag == _TAG and kind in _TYPES:
            value = data[place + 8 : place + 8 + _TYPES[kind]]
            found = int.from_bytes(value, "little" if order == "<" else "big")
            return found if found in _ORIENTATIONS else AS_STORED
    return AS_STORED


def turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """A stored image as a person sees it.

    Args:
        image: (H, W, ...).
        orientation: 1 to 8.

    Returns:
        The image, turned and mirrored; (W, H, ...) for orientations 5 to 8. Contiguous.
    """
    if orientation >= _SWAPS_SIDES:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def turned_size(size_hw: tuple[int, int], orientation: int) -> tuple[int, int]:
    """(height, width) of an image after `turned`."""
    return size_hw if orientation < _SWAPS_SIDES else size_hw[::-1]


def read_turned(
    path: str | os.PathLike[str], orientation: int, *, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """Read an image of a data set as its boxes were drawn; else as `read_image`."""
    image = read_image(path, max_pixels=max_pixels)
    return image if orientation == AS_STORED else turned(image, orientation)


def size_without_doubt(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """(height, width) of a file whose annotation gives none.

    None where the file cannot be used, or where it depends on whether the photo is to be turned.
    """
    if orientation_of_file(path) >= _SWAPS_SIDES:
        return None
    try:
        return image_size(path)
    except DataError:
        return None


def settle_orientations(dataset: ListedDataset, exif: str) -> ListedDataset:
    """Judge for every photo with an EXIF orientation whether its boxes were drawn upright.

    Args:
        dataset: opened; its images are looked at, their headers alone.
        exif: "apply" or "ignore", for the photos whose declared size does not tell.

    Returns:
        The data set with the orientations to turn by; as it is, if it was judged before. Every
        such photo is among its problems, none of which is bad; one warning tells of those that the
        option decided.

    Raises:
        OptionError: `exif` is another word.
    """
    if exif not in ("apply", "ignore"):
        raise OptionError(f"exif must be apply or ignore; got {exif!r}", settings=("exif",))
    if dataset.is_oriented:
        return dataset
    orientations, problems = {}, {}
    unsure = []
    for index in range(len(dataset)):
        path = dataset.image_path(index)
        tag = orientation_of_file(path)
        if tag == AS_STORED:
            continue
        is_told = _told_by_size(path, tag, dataset.annotation(index).size_hw)
        if is_told is None:
            unsure.append(path)
        is_upright = exif == "apply" if is_told is None else is_told
        if is_upright:
            orientations[index] = tag
        reason = "EXIF orientation applied" if is_upright else "EXIF orientation ignored"
        by = "by option" if is_told is None else "by the annotated size"
        problems[index] = Problem(reason, path, f"orientation {tag}, {by}")
    if unsure:
        _log.warning(
            "%s: %d photos have an EXIF orientation, and no annotated size tells whether their "
            "boxes were drawn on the upright picture; %s (exif %s); the first is %s",
            dataset.name,
            len(unsure),
            "they are turned upright" if exif == "apply" else "they are taken as stored",
            exif,
            unsure[0],
        )
    return dataset.with_orientations(orientations, problems)


def _told_by_size(path: str, tag: int, declared_hw: tuple[int, int] | None) -> bool | None:
    """Whether boxes were drawn upright, by the size that their annotation gives; None if unsure."""
    if tag < _SWAPS_SIDES or declared_hw is None or declared_hw[0] == declared_hw[1]:
        return None
    try:
        stored_hw = image_size(path)
    except DataError:
        return None
    if declared_hw == stored_hw:
        return False
    return True if declared_hw == turned_size(stored_hw, tag) else None
