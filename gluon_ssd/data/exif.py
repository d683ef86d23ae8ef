"""The EXIF orientation of photos: read it from a file, and turn a photo by it.

A camera stores a photo as its sensor lies and writes into the file how to turn it.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

import numpy as np

from gluon_ssd.data.image_source import ImageSource, open_image

AS_STORED = 1
"""The orientation of an image that is not turned, and of one whose file names none."""

SWAPS_SIDES = 5  # the orientations from here on exchange height and width
_ORIENTATIONS = range(1, 9)
_TAG = 0x0112
_TYPES = {3: 2, 4: 4}  # type of a TIFF entry -> bytes of one value: SHORT, LONG
_START_OF_SCAN, _END, _APP1 = 0xDA, 0xD9, 0xE1
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
_MOST_SEGMENTS = 1000
_MOST_FILL = 10_000


def orientation_of_file(path: ImageSource) -> int:
    """The EXIF orientation of a JPEG file, 1 to 8.

    1 too where there is no tag, an impossible one, or no JPEG; whether the file can be used at all
    is judged by who reads the image.
    """
    try:
        with open_image(path) as file:
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
    for _ in range(_MOST_FILL):  # fill bytes may stand before a marker
        byte = file.read(1)
        if byte != b"\xff":
            return byte[0] if byte else None
    return None


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
    if orientation >= SWAPS_SIDES:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def turned_size(size_hw: tuple[int, int], orientation: int) -> tuple[int, int]:
    """(height, width) of an image after `turned`."""
    return size_hw if orientation < SWAPS_SIDES else size_hw[::-1]
