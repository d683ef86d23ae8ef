"""Read image files, and their sizes without decoding. A cut-off file is an error, not grey pixels.

A picture is measured by its header before anything decodes it, so that it takes no more memory than
is allowed. What libjpeg warns of is told as a note with the file's name (`image_notes`). EXIF
rotation is applied only on request: annotations of the published sets are in stored coordinates,
and the legacy reader ignores the tag as well.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np

from gluon_ssd.data.decoders import (
    check_jpeg,
    check_png,
    decode_gif,
    decode_jpeg,
    decode_other,
    jpeg_warning,
)
from gluon_ssd.data.exif import orientation_of, turned
from gluon_ssd.data.image_headers import FileProblem, Header, TooLarge, read_header
from gluon_ssd.data.image_notes import DAMAGED, DARK, Note, tell
from gluon_ssd.data.image_source import ImageSource, name_of, open_image
from gluon_ssd.errors import DataError

IMAGE_SUFFIXES: tuple[str, ...] = (
    ".jpg",
    ".jpeg",
    ".png",
    ".bmp",
    ".webp",
    ".tif",
    ".tiff",
    ".gif",
)

MAX_PIXELS = 300_000_000
"""Of one image, unless told otherwise. A file of some kilobytes may claim more, and would take all
memory; cameras stay below it."""

OF_SETS = "replace the file or take it out of the data set"
"""What to do about a bad image of a data set."""

LEAVE_OUT = "replace it or leave it out"
"""What to do about a picture that a command was given by itself."""

# What else a file may hold: EXIF, previews, a film of some seconds behind the photo.
_OTHER_BYTES = 256 << 20
_BYTES_A_PIXEL = 16
# Below an eighth of the range, the upper bits of 16 are not in use.
_DARK_BELOW = 32


def read_image(
    path: ImageSource,
    *,
    upright: bool = False,
    max_pixels: int = MAX_PIXELS,
    advice: str = OF_SETS,
) -> np.ndarray:
    """Decode an image file.

    Args:
        path: the file; a GIF's first frame is taken.
        upright: turn a photo as its EXIF tag says. Data sets must not: their boxes lie in the
            picture as stored.
        max_pixels: refuse larger ones by their headers, before memory is taken for their pixels.
        advice: what to do about a bad one, for messages.

    Returns:
        uint8 (H, W, 3), RGB; grey images and images with transparency are converted, and 16 bits
        a channel are cut to the upper 8.

    Raises:
        DataError: naming the file when it is missing, no regular file, no image, cut off, or too
            large.
    """
    with _naming(path, advice), open_image(path) as file:
        header, data = _whole(file, max_pixels)
    return _decode(header, data, name_of(path), upright, max_pixels, advice)


def decode_image(
    data: bytes,
    name: ImageSource,
    *,
    upright: bool = False,
    max_pixels: int = MAX_PIXELS,
    advice: str = OF_SETS,
) -> np.ndarray:
    """Decode an image that is in memory.

    Args:
        data: the content of an image file.
        name: where it is from, for messages.
        upright, max_pixels: as of `read_image`.
        advice: what to do about a bad one, for messages.

    Returns:
        uint8 (H, W, 3), RGB, as of `read_image`.

    Raises:
        DataError: naming the image when it is none, cut off, or too large.
    """
    with _naming(name, advice):
        header = read_header(io.BytesIO(data))
        _refuse_large(header, max_pixels)
    return _decode(header, data, name_of(name), upright, max_pixels, advice)


def read_encoded(
    path: ImageSource, *, max_pixels: int = MAX_PIXELS, refuse_damaged: bool = False
) -> tuple[np.ndarray, tuple[int, int]]:
    """Read an image file without decoding it, and check that it is not cut off.

    Args:
        path, max_pixels: as of `read_image`.
        refuse_damaged: unpack a JPEG too, and make what libjpeg warns of an error.

    Returns:
        uint8 (number of bytes,), and the height and width in pixels.

    Raises:
        DataError: naming the file when it is missing, no image, cut off, or too large. JPEG and PNG
            are judged by their headers, sums and end markers, other formats by decoding them.
    """
    with _naming(path), open_image(path) as file:
        header, data = _whole(file, max_pixels)
        if header.kind == "PNG":
            check_png(data)
        elif header.kind == "JPEG":
            check_jpeg(data)
            if refuse_damaged and (warning := jpeg_warning(data)):
                raise FileProblem(f"it is damaged ({warning})")
    if header.kind not in _HAVE_END:
        _decode(header, data, name_of(path), False, max_pixels, OF_SETS)
    return np.frombuffer(data, dtype=np.uint8), header.size_hw


def image_size(path: ImageSource) -> tuple[int, int]:
    """Read (height, width) in pixels from a header, without decoding.

    Raises:
        DataError: naming the file when it is missing, no image, or cut off, as far as that shows.
    """
    with _naming(path), open_image(path) as file:
        return read_header(file).size_hw


def measure_image(path: ImageSource, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """As image_size, for an image that is to be decoded later: it must not be too large.

    A format without an end marker is decoded to see that it is whole.
    """
    with _naming(path), open_image(path) as file:
        header = read_header(file)
        _refuse_large(header, max_pixels)
    if header.kind not in _HAVE_END:
        read_image(path, max_pixels=max_pixels)
    return header.size_hw


def size_of_file(path: ImageSource) -> tuple[int, int] | None:
    """As image_size, but None for an unusable file; for annotations without a size."""
    try:
        return image_size(path)
    except DataError:
        return None


_HAVE_END = ("JPEG", "PNG")


def _whole(file: BinaryIO, max_pixels: int) -> tuple[Header, bytes]:
    """Header and content of a file whose picture, and which itself, is not too large."""
    header = read_header(file)
    _refuse_large(header, max_pixels)
    most = _OTHER_BYTES + _BYTES_A_PIXEL * header.pixels
    size = file.seek(0, os.SEEK_END)
    if size > most:
        height, width = header.size_hw
        raise FileProblem(f"it has {size} bytes, allowed are {most} for {width} x {height} pixels")
    file.seek(0)
    return header, file.read()


def _decode(
    header: Header, data: bytes, name: str, upright: bool, max_pixels: int, advice: str
) -> np.ndarray:
    """The pixels; what is odd about them is told."""
    with _naming(name, advice):
        if header.kind == "JPEG":
            check_jpeg(data)
            image, warning = decode_jpeg(data)
            if upright:
                image = _turned(image, data)
            if warning:
                tell(Note(DAMAGED, f"the image {name} is damaged ({warning}); {advice}"))
        elif header.kind == "GIF":
            image = decode_gif(data, max_pixels)
        else:
            if header.kind == "PNG":
                check_png(data)
            image = decode_other(data, upright=upright)
            if header.bits > 8 and (brightest := int(image.max())) < _DARK_BELOW:
                tell(Note(DARK, _too_dark(name, header.bits, brightest)))
    return image


def _turned(image: np.ndarray, data: bytes) -> np.ndarray:
    """A photo as the EXIF tag of its JPEG says."""
    return turned(image, orientation_of(io.BytesIO(data)))


def _too_dark(name: str, bits: int, brightest: int) -> str:
    return (
        f"the image {name} has {bits} bits a channel and hardly uses the upper ones: its brightest "
        f"pixel is {brightest} of 255; scale its values to the whole range"
    )


def _refuse_large(header: Header, max_pixels: int) -> None:
    if header.pixels > max_pixels:
        height, width = header.size_hw
        raise TooLarge(f"it has {width} x {height} pixels, allowed are {max_pixels}")


@contextmanager
def _naming(path: ImageSource, advice: str = OF_SETS) -> Iterator[None]:
    """Turn what goes wrong with an image file into a DataError that names it."""
    try:
        yield
    except OSError as error:
        what = "put the file there or take it out of the data set" if advice is OF_SETS else advice
        raise DataError(
            f"cannot read the image {name_of(path)}: {error.strerror or error}; {what}"
        ) from error
    except FileProblem as problem:
        raise DataError(
            f"cannot use the image {name_of(path)}: {problem}; {advice}",
            settings=("max_pixels",) if isinstance(problem, TooLarge) else (),
        ) from problem.__cause__
