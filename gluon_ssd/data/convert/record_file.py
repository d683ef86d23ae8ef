"""Write RecordIO files of images with labels, as MXNet's readers have them.

A record is the magic number, four bytes whose upper three bits say which part it is and whose
others how long, the data, and zeros up to a multiple of four. Where the data hold the magic number
at a multiple of four, a reader that lost its place would take that for the start of a record: the
number is left out there and a new part begins, and readers put it back between two parts. Source:
dmlc-core's recordio.h; the head in front of an image is `IRHeader` of MXNet's
python/mxnet/recordio.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from gluon_ssd.errors import DataError

_MAGIC_NUMBER = 0xCED7230A
_MAGIC = struct.pack("<I", _MAGIC_NUMBER)
_HEAD = struct.Struct("<IfQQ")  # number of labels, one label, id, second id
_WHOLE, _FIRST, _MIDDLE, _LAST = 0, 1, 2, 3
_LARGEST = 1 << 29  # of a part: 29 bits hold its length


def packed(number: int, labels: np.ndarray, image: bytes) -> bytes:
    """The data of a record.

    Args:
        number: id of the image, from 0.
        labels: float32 (L,), at least one.
        image: the encoded image.
    """
    head = _HEAD.pack(len(labels), 0.0, number, 0)
    return b"".join([head, labels.astype("<f4").tobytes(), image])


def parts_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Which part of a record it is, and its bytes; the magic number is left out between two."""
    starts = [0, *_ends_of_magic(data)]
    ends = [start - len(_MAGIC) for start in starts[1:]] + [len(data)]
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        kind = _MIDDLE
        if len(starts) == 1:
            kind = _WHOLE
        elif number == 0:
            kind = _FIRST
        elif number == len(starts) - 1:
            kind = _LAST
        yield kind, data[start:end]


def _ends_of_magic(data: bytes) -> Iterator[int]:
    """Where the magic number ends that begins at a multiple of four."""
    place = data.find(_MAGIC)
    while place >= 0:
        if place % 4 == 0:
            yield place + len(_MAGIC)
            place = data.find(_MAGIC, place + len(_MAGIC))
        else:
            place = data.find(_MAGIC, place + 1)


class RecordFile:
    """Writes records one after the other.

    Args:
        file: opened for writing, at its start.
        name: of the file, for messages.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self._offset = 0

    def write(self, data: bytes) -> int:
        """Add a record. Returns its offset in bytes, which is a multiple of four.

        Raises:
            DataError: it is too long for the format.
        """
        offset = self._offset
        for kind, part in parts_of(data):
            if len(part) >= _LARGEST:
                raise DataError(
                    f"a record of {self._name} would have {len(part)} bytes, RecordIO holds less "
                    f"than {_LARGEST}; leave that image out"
                )
            self._add(_MAGIC + struct.pack("<I", kind << 29 | len(part)))
            self._add(part)
            self._add(bytes(-len(part) % 4))
        return offset

    def _add(self, data: bytes) -> None:
        self._file.write(data)
        self._offset += len(data)
