"""Format and size of a picture by the header of its file, before any decoder sees the file.

Every format that is decoded has its reader here, so that a file of some kilobytes that claims more
pixels than the memory holds is refused before memory is taken for them.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

KNOWN = "JPEG, PNG, BMP, WebP, TIFF or GIF"

_JPEG_END = b"\xff\xd9"
# Start-of-frame markers 0xC0-0xCF, less DHT (C4), JPG (C8) and DAC (CC).
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN = 0xDA
# Markers that no length follows. libjpeg passes over them, and stops at all others below 0xC0.
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})
_TAIL_BYTES = 65536  # the end marker sits in the last bytes, unless a camera appended a preview
# Cameras write some dozens; each costs a step here, and a file could hold millions.
_MOST_SEGMENTS = 10_000
_MOST_TIFF_TAGS = 4096
# Height, width, bits of a sample, and width and height of tiles.
_TIFF_WANTED = (257, 256, 258, 322, 323)
_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q", 17: "q"}
_LAST_PLACE = (1 << 62) - 1


class FileProblem(Exception):
    """The file breaks the rules of its format or of this program; the text says how."""


class TooLarge(FileProblem):
    """It has more pixels than is allowed."""


class Header(NamedTuple):
    """What a picture says of itself.

    Attributes:
        kind: name of the format.
        size_hw: height and width, pixels.
        bits: of a sample of one channel.
        most_pixels: what a decoder takes memory for at once; more than the picture where it is
            stored in tiles that are larger.
    """

    kind: str
    size_hw: tuple[int, int]
    bits: int = 8
    most_pixels: int = 0

    @property
    def pixels(self) -> int:
        """How many pixels a decoder takes memory for."""
        return max(self.size_hw[0] * self.size_hw[1], self.most_pixels)


def read_header(file: BinaryIO) -> Header:
    """What the header of a picture says.

    Args:
        file: open, at its beginning, and seekable; left anywhere.

    Raises:
        FileProblem: it is empty, of no format that is read, cut off, or has no pixels. JPEG and
            PNG are cut off too where their end marker is missing.
        OSError: the file cannot be read.
    """
    start = file.read(16)
    if not start:
        raise FileProblem("the file is empty")
    for sign, read in _READERS.items():
        if start.startswith(sign) and (sign != b"RIFF" or start[8:12] == b"WEBP"):
            file.seek(0)
            header = read(file)
            if min(header.size_hw) < 1:
                height, width = header.size_hw
                raise FileProblem(f"its {header.kind} header says {width} x {height} pixels")
            return header
    raise FileProblem(f"it cannot be decoded: it is no {KNOWN}")


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise FileProblem("the file is cut off inside its header")
    return data


def _jpeg(file: BinaryIO) -> Header:
    size, bits = (0, 0), 8
    file.seek(2)
    for _ in range(_MOST_SEGMENTS):
        marker = _next_marker(file)
        if marker == _START_OF_SCAN:
            break
        if marker in _BARE_MARKERS:
            continue
        if marker < 0xC0:  # read as the start of a part, it could hide the one that counts
            raise FileProblem("the JPEG header is damaged")
        length = int.from_bytes(_exactly(file, 2), "big")
        if length < 2:
            raise FileProblem("the JPEG header is damaged")
        if marker in _FRAME_MARKERS and length >= 7:
            bits, *size_hw = struct.unpack(">BHH", _exactly(file, 5))
            size = (size_hw[0], size_hw[1])
            length -= 5
        file.seek(length - 2, os.SEEK_CUR)
    else:
        raise FileProblem(f"the JPEG header has more than {_MOST_SEGMENTS} parts")
    if not _has_jpeg_end(file, scan_start=file.tell()):
        raise FileProblem("the JPEG is cut off (no end marker)")
    return Header("JPEG", size, bits)


def _next_marker(file: BinaryIO) -> int:
    if _exactly(file, 1) != b"\xff":
        raise FileProblem("the JPEG header is damaged")
    for _ in range(_MOST_SEGMENTS):  # any number of fill bytes may stand before a marker
        if (byte := _exactly(file, 1)) != b"\xff":
            return byte[0]
    raise FileProblem("the JPEG header is damaged")


def _has_jpeg_end(file: BinaryIO, scan_start: int) -> bool:
    # Searched only behind the start of the picture: an EXIF preview has an end marker of its own.
    file_end = file.seek(0, os.SEEK_END)
    for tail in (_TAIL_BYTES, file_end):
        file.seek(max(scan_start, file_end - tail))
        if file.read().rfind(_JPEG_END) >= 0:  # it is near the end, if anywhere
            return True
    return False


def _png(file: BinaryIO) -> Header:
    file.seek(8)
    # chunk length, "IHDR", width, height, bits, color type
    _, name, width, height, bits = struct.unpack(">I4sIIB", _exactly(file, 17))
    if name != b"IHDR":
        raise FileProblem("the PNG header is damaged")
    file_end = file.seek(0, os.SEEK_END)
    file.seek(max(24, file_end - _TAIL_BYTES))
    if b"IEND" not in file.read():
        raise FileProblem("the PNG is cut off (no end chunk)")
    return Header("PNG", (height, width), bits)


def _bmp(file: BinaryIO) -> Header:
    head = _exactly(file, 18)
    if int.from_bytes(head[14:18], "little") == 12:
        width, height = struct.unpack("<HH", _exactly(file, 4))
    else:
        width, height = struct.unpack("<ii", _exactly(file, 8))
    return Header("BMP", (abs(height), abs(width)))  # below 0 where the rows begin at the top


def _gif(file: BinaryIO) -> Header:
    width, height, flags = struct.unpack("<6xHHBxx", _exactly(file, 13))
    if flags & 0x80:
        file.seek(3 * 2 ** (1 + (flags & 7)), os.SEEK_CUR)  # the colours of all frames
    for _ in range(_MOST_SEGMENTS):
        if (sign := _exactly(file, 1)) == b",":
            # A frame may reach beyond the size in the header, which then counts for less.
            left, top, *sides = struct.unpack("<HHHH", _exactly(file, 8))
            return Header("GIF", (max(height, top + sides[1]), max(width, left + sides[0])))
        if sign != b"!":
            raise FileProblem("the GIF has no frame")
        file.seek(1, os.SEEK_CUR)
        for _ in range(_MOST_SEGMENTS):  # parts of a comment and the like
            if not (length := _exactly(file, 1)[0]):
                break
            file.seek(length, os.SEEK_CUR)
    raise FileProblem(f"the GIF has more than {_MOST_SEGMENTS} parts before its first frame")


def _webp(file: BinaryIO) -> Header:
    data = _exactly(file, 30)
    kind = data[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
    elif kind == b"VP8L" and data[20] == 0x2F:
        packed = int.from_bytes(data[21:25], "little")
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = (value & 0x3FFF for value in struct.unpack("<HH", data[26:30]))
    else:
        raise FileProblem("the WebP header is damaged")
    return Header("WebP", (height, width))


def _tiff(file: BinaryIO) -> Header:
    order = "<" if _exactly(file, 2) == b"II" else ">"
    if _number(file, f"{order}H") == 43:  # BigTIFF, whose offsets have eight bytes
        file.seek(8)
        word, count_type = "Q", "Q"
    else:
        word, count_type = "I", "H"
    file.seek(min(_number(file, order + word), _LAST_PLACE))
    count = _number(file, order + count_type)
    if count > _MOST_TIFF_TAGS:
        raise FileProblem(f"its TIFF header has {count} tags, allowed are {_MOST_TIFF_TAGS}")
    entry = struct.Struct(f"{order}HH{word}{struct.calcsize(f'={word}')}s")
    tags: dict[int, int] = {}
    for tag, kind, length, field in list(entry.iter_unpack(_exactly(file, count * entry.size))):
        if tag in _TIFF_WANTED and (type_ := _TIFF_TYPES.get(kind)):
            # Of two with one tag the larger counts, since decoders differ in which they take.
            value = _first_value(file, order, type_, length, field)
            tags[tag] = max(value, tags.get(tag, 0))
    height, width, bits, tile_width, tile_height = (tags.get(tag, 0) for tag in _TIFF_WANTED)
    return Header("TIFF", (height, width), bits or 1, tile_width * tile_height)


def _number(file: BinaryIO, layout: str) -> int:
    return int(struct.unpack(layout, _exactly(file, struct.calcsize(layout)))[0])


def _first_value(file: BinaryIO, order: str, type_: str, length: int, field: bytes) -> int:
    """The first number of a TIFF tag, which lies in its field or where the field points to."""
    if length * struct.calcsize(f"={type_}") <= len(field):
        return int(struct.unpack_from(order + type_, field)[0])
    word = "Q" if len(field) == 8 else "I"
    file.seek(min(struct.unpack(order + word, field)[0], _LAST_PLACE))
    return _number(file, order + type_)


_READERS: dict[bytes, Callable[[BinaryIO], Header]] = {
    b"\xff\xd8": _jpeg,
    b"\x89PNG\r\n\x1a\n": _png,
    b"BM": _bmp,
    b"GIF87a": _gif,
    b"GIF89a": _gif,
    b"RIFF": _webp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
    b"II+\0": _tiff,
    b"MM\0+": _tiff,
}
