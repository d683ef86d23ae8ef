"""Read image files, and their sizes without decoding. A cut-off file is an error, not grey pixels.

OpenCV decodes what is left of a truncated JPEG without an error, so the end marker is searched
here. EXIF rotation is applied only on request: annotations of the published sets are in stored
coordinates, and the legacy reader ignores the tag as well.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import cv2
import numpy as np

from gluon_ssd.errors import DataError

IMAGE_SUFFIXES: tuple[str, ...] = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")

MAX_PIXELS = 100_000_000
"""Of one image. A file of some kilobytes may claim more, and would take all memory; cameras stay
below it."""

_JPEG_START = b"\xff\xd8"
_JPEG_END = b"\xff\xd9"
_PNG_START = b"\x89PNG\r\n\x1a\n"
# Start-of-frame markers 0xC0-0xCF, less DHT (C4), JPG (C8) and DAC (CC).
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN = 0xDA
_TAIL_BYTES = 65536  # the end marker sits in the last bytes, unless a camera appended a preview

OF_SETS = "replace the file or take it out of the data set"
"""What to do about a bad image of a data set."""


class _Damaged(Exception):
    """The file breaks the rules of its format; the text says how."""


def read_image(path: str | os.PathLike[str], *, upright: bool = False) -> np.ndarray:
    """Decode an image file.

    Args:
        path: the file.
        upright: turn a photo as its EXIF tag says. Data sets must not: their boxes lie in the
            picture as stored.

    Returns:
        uint8 (H, W, 3), RGB; grey images and images with transparency are converted.

    Raises:
        DataError: naming the file when it is missing, no image, cut off, or has more than
            MAX_PIXELS.
    """
    with _naming(path), open(path, "rb") as file:
        data = file.read()
    return decode_image(data, os.fspath(path), upright=upright)


def decode_image(
    data: bytes,
    name: str | os.PathLike[str],
    *,
    upright: bool = False,
    max_pixels: int = MAX_PIXELS,
    advice: str = OF_SETS,
) -> np.ndarray:
    """Decode an image that is in memory.

    Args:
        data: the content of an image file.
        name: where it is from, for messages.
        upright: turn a photo as its EXIF tag says.
        max_pixels: refuse larger ones by their headers, before memory is taken for their pixels.
        advice: what to do about a bad one, for messages.

    Returns:
        uint8 (H, W, 3), RGB; grey images and images with transparency are converted.

    Raises:
        DataError: naming the image when it is none, cut off, or too large.
    """
    flags = cv2.IMREAD_COLOR if upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    with _naming(name, advice):
        size_hw = _measure(io.BytesIO(data))
        _refuse_large(size_hw or _size_of_other(data), max_pixels)
        try:
            image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
        except cv2.error as error:
            raise _Damaged(f"OpenCV: {error.err}") from error
        if image is None:
            raise _Damaged("it cannot be decoded")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def read_encoded(path: str | os.PathLike[str]) -> tuple[np.ndarray, tuple[int, int]]:
    """Read an image file without decoding it, and check that it is not cut off.

    Returns:
        uint8 (number of bytes,), and the height and width in pixels.

    Raises:
        DataError: naming the file when it is missing, no image, or cut off. JPEG and PNG are
            judged by their headers and end markers, other formats by decoding them.
    """
    data, size_hw = _read_measured(path)
    return np.frombuffer(data, dtype=np.uint8), size_hw or measure_image(path)


def image_size(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Read (height, width) in pixels from a JPEG or PNG header, without decoding.

    Returns:
        None for other formats, whose size is known after decoding only.

    Raises:
        DataError: naming the file when it is missing, empty, or cut off.
    """
    with _naming(path), open(path, "rb") as file:
        return _measure(file)


def measure_image(path: str | os.PathLike[str]) -> tuple[int, int]:
    """As image_size, but an image of another format is decoded for its size."""
    height, width = image_size(path) or read_image(path).shape[:2]
    return height, width


def size_of_file(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """As image_size, but None for an unusable file too; for annotations without a size."""
    try:
        return image_size(path)
    except DataError:
        return None


def _read_measured(path: str | os.PathLike[str]) -> tuple[bytes, tuple[int, int] | None]:
    """The bytes of an image file that is whole, and its size as from image_size."""
    with _naming(path), open(path, "rb") as file:
        data = file.read()
        return data, _measure(io.BytesIO(data))


def _refuse_large(size_hw: tuple[int, int], max_pixels: int) -> None:
    height, width = size_hw
    if height * width > max_pixels:
        raise _Damaged(f"it has {width} x {height} pixels, allowed are {max_pixels}")


def _size_of_other(data: bytes) -> tuple[int, int]:
    """(height, width) of an image that is neither JPEG nor PNG, by its header."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _Damaged(f"it is too large ({error})") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise _Damaged("it cannot be decoded") from error
    return height, width


@contextmanager
def _naming(path: str | os.PathLike[str], advice: str = OF_SETS) -> Iterator[None]:
    """Turn what goes wrong with an image file into a DataError that names it."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot read the image {os.fspath(path)}: {error.strerror or error}; "
            "put the file there or take it out of the data set"
        ) from error
    except _Damaged as problem:
        raise DataError(
            f"cannot use the image {os.fspath(path)}: {problem}; {advice}"
        ) from problem.__cause__


def _measure(file: BinaryIO) -> tuple[int, int] | None:
    """(height, width) of a whole JPEG or PNG, None for other formats; _Damaged if cut off."""
    start = file.read(8)
    if not start:
        raise _Damaged("the file is empty")
    if start[:2] == _JPEG_START:
        return _measure_jpeg(file)
    if start == _PNG_START:
        return _measure_png(file)
    return None


def _measure_jpeg(file: BinaryIO) -> tuple[int, int] | None:
    size = None
    file.seek(2)
    while (marker := _next_marker(file)) != _START_OF_SCAN:
        length = int.from_bytes(_exactly(file, 2), "big")
        if marker in _FRAME_MARKERS and length >= 7:
            frame = _exactly(file, 5)  # sample precision, height (2), width (2)
            size = (int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big"))
            length -= 5
        file.seek(length - 2, os.SEEK_CUR)
    if not _has_jpeg_end(file, scan_start=file.tell()):
        raise _Damaged("the JPEG is cut off (no end marker)")
    return size


def _next_marker(file: BinaryIO) -> int:
    if _exactly(file, 1) != b"\xff":
        raise _Damaged("the JPEG header is damaged")
    byte = b"\xff"
    while byte == b"\xff":  # any number of fill bytes may stand before a marker
        byte = _exactly(file, 1)
    return byte[0]


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise _Damaged("the file is cut off inside its header")
    return data


def _has_jpeg_end(file: BinaryIO, scan_start: int) -> bool:
    # Searched only behind the start of the picture: an EXIF preview has an end marker of its own.
    file_end = file.seek(0, os.SEEK_END)
    for tail in (_TAIL_BYTES, file_end):
        file.seek(max(scan_start, file_end - tail))
        if _JPEG_END in file.read():
            return True
    return False


def _measure_png(file: BinaryIO) -> tuple[int, int]:
    header = _exactly(file, 16)  # chunk length, "IHDR", width, height
    file_end = file.seek(0, os.SEEK_END)
    file.seek(max(24, file_end - _TAIL_BYTES))
    if b"IEND" not in file.read():
        raise _Damaged("the PNG is cut off (no end chunk)")
    return int.from_bytes(header[12:16], "big"), int.from_bytes(header[8:12], "big")
