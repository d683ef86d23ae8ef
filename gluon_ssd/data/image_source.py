"""Where the bytes of an image lie: a file of its own, or parts of a larger file.

A RecordIO file holds the images of a whole data set. They are read from there, so that nothing is
unpacked. What is known of such an image is a handful of numbers, which data workers take along.
"""

from __future__ import annotations

import hashlib
import io
import os
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, BinaryIO, NamedTuple

from gluon_ssd.system.regular_file import open_regular

_BLOCK = 1 << 20


class PackedImage(NamedTuple):
    """An image inside a larger file; as a text, its file and place, as messages name it.

    Attributes:
        file: path of that file.
        place: where it is, in words: "record 12 at byte 3456".
        parts: offset and length in bytes of each part, in order.
        glue: bytes that stand between two parts.
    """

    file: str
    place: str
    parts: tuple[tuple[int, int], ...]
    glue: bytes = b""

    def __str__(self) -> str:
        return f"{self.file}, {self.place}"


ImageSource = str | os.PathLike[str] | PackedImage
"""What images are read from: the path of a file, or a place inside one."""


def open_image(source: ImageSource) -> BinaryIO:
    """Open the encoded image for reading; it can seek, and reads no more than it is asked for.

    Raises:
        OSError: the file is missing, cannot be read, or is no regular one.
    """
    if not isinstance(source, PackedImage):
        return open_regular(source)
    return io.BufferedReader(_Window(open_regular(source.file), source))


def name_of(source: ImageSource) -> str:
    """How messages call it: the path as it was given, or file and place."""
    return str(source) if isinstance(source, PackedImage) else os.fspath(source)


def is_there(source: ImageSource) -> bool:
    """Whether the file exists."""
    return os.path.exists(source.file if isinstance(source, PackedImage) else source)


def content_sha1(source: ImageSource) -> str:
    """SHA-1 of the encoded image, in hexadecimal digits. Raises OSError."""
    digest = hashlib.sha1(usedforsecurity=False)
    with open_image(source) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class _Window(io.RawIOBase):
    """The parts of a file as one stream. It ends early where the file is shorter than they say."""

    def __init__(self, file: BinaryIO, image: PackedImage) -> None:
        super().__init__()
        self._file, self._glue = file, image.glue
        self._pieces = list(_pieces(image))
        self._starts = [0, *accumulate(length for _, length in self._pieces)]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._starts[-1]}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        if self._at >= self._starts[-1]:
            return 0
        number = bisect_right(self._starts, self._at) - 1
        offset, length = self._pieces[number]
        inside = self._at - self._starts[number]
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), length - inside)
        if offset is None:
            data = self._glue[inside : inside + wanted]
        else:
            self._file.seek(offset + inside)
            data = self._file.read(wanted)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _pieces(image: PackedImage) -> Iterator[tuple[int | None, int]]:
    """Offset and length of what the stream is made of; the offset of glue is None."""
    for number, (offset, length) in enumerate(image.parts):
        if number and image.glue:
            yield None, len(image.glue)
        if length:
            yield offset, length
