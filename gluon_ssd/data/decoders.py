"""From the content of a picture's file to its pixels, by the decoder of its format.

JPEG goes to libjpeg-turbo through simplejpeg: OpenCV holds the same library and gives the same
pixels, but tells nobody what libjpeg warns of. GIF goes to Pillow, since OpenCV's wheels lack it.
Everything else is OpenCV's.
"""

from __future__ import annotations

import io
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import simplejpeg

from gluon_ssd.data.image_headers import FileProblem

# Progressive JPEGs have about ten scans. Each costs time for the whole picture, however few bytes
# it has.
_MOST_SCANS = 500
_MOST_CHUNKS = 1_000_000
# Color type -> channels of a pixel.
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# No byte of packed data unpacks to more.
_DEFLATE_RATIO = 1032
_PILLOW_SETTING = threading.Lock()
_PNG_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT"})


def check_jpeg(data: bytes) -> None:
    """Raise FileProblem for a JPEG of so many scans that decoding it would take too long."""
    # Inside of a scan 0xFF is followed by 0, so that only headers hold these two bytes.
    if (scans := _count_pairs(data, b"\xff\xda")) > _MOST_SCANS:
        raise FileProblem(f"the JPEG has {scans} scans, allowed are {_MOST_SCANS}")


def _count_pairs(data: bytes, pair: bytes) -> int:
    """How often two different bytes follow one another; a fifth of the time of `data.count`."""
    (wanted,) = np.frombuffer(pair, np.uint16)
    return sum(
        int(
            np.count_nonzero(
                np.frombuffer(data, np.uint16, (len(data) - first) // 2, first) == wanted
            )
        )
        for first in range(min(2, len(data)))
    )


def decode_jpeg(data: bytes) -> tuple[np.ndarray, str]:
    """Pixels of a JPEG, as stored.

    Returns:
        uint8 (H, W, 3), RGB, and what libjpeg warns of, empty for a sound file.

    Raises:
        FileProblem: it cannot be decoded at all.
    """
    try:
        return simplejpeg.decode_jpeg(data, "RGB"), ""
    except ValueError as error:
        warning = str(error)
    try:
        return simplejpeg.decode_jpeg(data, "RGB", strict=False), warning
    except ValueError as error:
        failure = str(error)
    try:
        pixels = decode_other(data, upright=False)
    except FileProblem as problem:
        raise FileProblem(f"the JPEG is damaged: {failure}") from problem
    # TurboJPEG knows the usual ratios of colour to grey samples alone, libjpeg all of them.
    return pixels, "" if "subsampling" in failure else failure


def jpeg_warning(data: bytes) -> str:
    """What libjpeg warns of in a JPEG, or an empty text.

    It unpacks every block and computes an eighth of the pixels, in a quarter of the time of
    decoding.
    """
    try:
        simplejpeg.decode_jpeg(data, "GRAY", min_height=1, min_width=1, min_factor=8)
    except ValueError as error:
        return "" if "subsampling" in str(error) else str(error)
    return ""


def decode_gif(data: bytes, max_pixels: int) -> np.ndarray:
    """The first frame of a GIF, uint8 (H, W, 3), RGB. Raises FileProblem."""
    from PIL import Image
    from PIL.GifImagePlugin import GifImageFile

    try:
        with _whole_files_alone():
            # Not through Image.open: it has a limit of its own, whatever is allowed here.
            with GifImageFile(io.BytesIO(data)) as image:
                # A frame may reach beyond the size in the header.
                if image.width * image.height > max_pixels:
                    raise FileProblem(
                        f"its first frame has {image.width} x {image.height} pixels, allowed are "
                        f"{max_pixels}"
                    )
                return np.asarray(image.convert("RGB"))
    except (
        OSError,
        SyntaxError,
        ValueError,
        IndexError,
        EOFError,
        struct.error,
        Image.DecompressionBombError,
    ) as error:
        raise FileProblem(f"the GIF cannot be decoded ({error})") from error


@contextmanager
def _whole_files_alone() -> Iterator[None]:
    """Let Pillow refuse what is cut off, as it does unless another library has changed its setting.

    GluonCV does so where it is imported. The setting is that of the process: one thread at a time.
    """
    from PIL import ImageFile

    with _PILLOW_SETTING:
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def decode_other(data: bytes, *, upright: bool) -> np.ndarray:
    """Pixels of a file by OpenCV.

    Args:
        data: its content.
        upright: turn the picture as its EXIF tag says.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        FileProblem: OpenCV cannot decode it.
    """
    flags = cv2.IMREAD_COLOR if upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    except cv2.error as error:
        raise FileProblem(f"OpenCV: {error.err}") from error
    if image is None:
        raise FileProblem("it cannot be decoded; it is damaged")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def check_png(data: bytes) -> None:
    """Raise FileProblem where a PNG is damaged: libpng would say so to nobody.

    The sums of the parts that the pixels are made of are compared, which takes a small part of the
    time of decoding.
    """
    at, packed = 8, 0
    width, height, bits, color = struct.unpack_from(">IIBB", data, 16)
    row_bytes = 1 + width * bits * _PNG_CHANNELS.get(color, 1) // 8
    view = memoryview(data)
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            raise FileProblem("the PNG is cut off (no end chunk)")
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"IEND":
            break
        end = at + 8 + length
        if end + 4 > len(data):
            raise FileProblem("the PNG is cut off")
        if name in _PNG_PIXELS and zlib.crc32(view[at + 4 : end]) != _be32(data, end):
            raise FileProblem(f"the PNG is damaged: a wrong sum in its part {name.decode()}")
        packed += length if name == b"IDAT" else 0
        at = end + 4
    else:
        raise FileProblem(f"the PNG has more than {_MOST_CHUNKS} parts")
    # What packing adds to what does not shrink is little; more data would be unpacked in vain.
    most = 2 * (row_bytes + 16) * height + 4096
    if not row_bytes * height // _DEFLATE_RATIO <= packed <= most:
        raise FileProblem(
            f"the PNG is damaged: {packed} bytes of data for {width} x {height} pixels"
        )


def _be32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")
