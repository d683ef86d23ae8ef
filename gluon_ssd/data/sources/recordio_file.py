"""The records of an MXNet RecordIO file: where each lies, every length checked before it is used.

A record is a magic number, a word whose low 29 bits are a length and whose top 3 bits say which
part of a record this is, the data, and zeros up to a multiple of 4. Where the data hold the number
at a 4-byte boundary, the writer leaves it out and begins a new part; a reader puts it back.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from gluon_ssd.errors import DataError
from gluon_ssd.system.text_file import open_text
from gluon_ssd.system.wording import quoted

MAGIC = struct.pack("<I", 0xCED7230A)

_HEAD = struct.Struct("<4sI")
_LENGTH_BITS = 29
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
_LONGEST_LINE = 200


class Record(NamedTuple):
    """One record.

    Attributes:
        number: its position in the file, from 0.
        offset: byte where it begins.
        parts: offset and length in bytes of each part of its data.
    """

    number: int
    offset: int
    parts: tuple[tuple[int, int], ...]

    @property
    def place(self) -> str:
        """Where it is, in words."""
        return f"record {self.number} at byte {self.offset}"

    @property
    def size(self) -> int:
        """Length of its data in bytes, what the writer left out between parts included."""
        return sum(length for _, length in self.parts) + len(MAGIC) * (len(self.parts) - 1)

    def start(self, file: BinaryIO, count: int) -> bytes:
        """The first `count` bytes of its data, or all there are."""
        data = b""
        for number, (offset, length) in enumerate(self.parts):
            data += MAGIC if number else b""
            if len(data) >= count:
                break
            file.seek(offset)
            data += file.read(min(length, count - len(data)))
        return data[:count]

    def parts_after(self, count: int) -> tuple[tuple[int, int], ...]:
        """The parts of its data less the first `count` bytes, a multiple of 4."""
        for number, (offset, length) in enumerate(self.parts):
            if count <= length:
                return ((offset + count, length - count), *self.parts[number + 1 :])
            count = max(0, count - length - len(MAGIC))
        return ()


def read_records(file: BinaryIO, name: str) -> Iterator[Record]:
    """The records of an open file, in order.

    Args:
        file: seekable; it may be moved between two records.
        name: the file's, for messages.

    Raises:
        DataError: naming the record and the byte where the file breaks the format.
    """
    size = file.seek(0, os.SEEK_END)
    at, number = 0, 0
    while at < size:
        record, at = _one(file, f"{name}: record {number} at byte {at}", (number, at), size)
        yield record
        number += 1
    if not number:
        raise DataError(f"{name} is empty; it holds no record")


def _one(file: BinaryIO, where: str, place: tuple[int, int], size: int) -> tuple[Record, int]:
    number, start = place
    parts: list[tuple[int, int]] = []
    at, expected = start, (_WHOLE, _FIRST)
    while True:
        kind, length = _head(file, at, where, size)
        if kind not in expected:
            raise DataError(
                f"{where}: a part of kind {kind} stands at byte {at}, expected is "
                f"{' or '.join(map(str, expected))}; the file is damaged, pack it anew"
            )
        parts.append((at + _HEAD.size, length))
        at += _HEAD.size + -(-length // 4) * 4
        if kind in (_WHOLE, _LAST):
            return Record(number, start, tuple(parts)), at
        expected = (_MIDDLE, _LAST)


def _head(file: BinaryIO, at: int, where: str, size: int) -> tuple[int, int]:
    """Kind and length of the part at a byte."""
    file.seek(at)
    data = file.read(_HEAD.size)
    if len(data) < _HEAD.size:
        raise DataError(f"{where} is cut off: the file ends at byte {size}; copy it anew")
    magic, word = _HEAD.unpack(data)
    if magic != MAGIC:
        raise DataError(
            f"{where} does not begin with the magic number of RecordIO"
            f"{'' if not at else f' (byte {at})'}; the file is damaged or of another format"
        )
    length = word & ((1 << _LENGTH_BITS) - 1)
    if length > size - at - _HEAD.size:
        raise DataError(
            f"{where} is cut off: a part of {length} bytes begins at byte {at + _HEAD.size}, the "
            f"file ends at byte {size}; copy it anew"
        )
    return word >> _LENGTH_BITS, length


def check_index(path: Path, offsets: set[int]) -> int:
    """Compare the index of a file with where its records begin.

    Args:
        path: the index, lines of an id, a tab and an offset.
        offsets: where records begin.

    Returns:
        How many records it lists.

    Raises:
        DataError: naming the line that is none of an index, or points at no record.
    """
    count = 0
    try:
        with open_text(path) as text:
            while line := text.readline(_LONGEST_LINE):
                count += _check_line(line, f"{path} line {count + 1}", offsets)
    except OSError as error:
        raise DataError(f"cannot read the index {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"the index {path} is no text; delete it, it is not needed") from error
    return count


def _check_line(line: str, where: str, offsets: set[int]) -> int:
    advice = "write the index anew, or delete it: it is not needed"
    if not line.strip():
        return 0
    fields = line.split()
    offset = fields[-1] if len(fields) == 2 else ""
    if not (offset.isascii() and offset.isdigit()):
        got = quoted(line.strip())
        raise DataError(f"{where} must be an id and an offset; got {got}; {advice}")
    if int(offset) not in offsets:
        raise DataError(f"{where}: no record begins at byte {offset}; {advice}")
    return 1
