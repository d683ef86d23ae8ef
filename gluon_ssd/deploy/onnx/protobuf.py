"""The binary form of protocol buffers, read field by field without a library."""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap
from typing import TypeAlias

Place: TypeAlias = tuple[int, int]
"""Where bytes begin and end."""

_NUMBER, _EIGHT_BYTES, _CONTENT, _FOUR_BYTES = 0, 1, 2, 5


def fields_of(content: mmap, message: Place) -> Iterator[tuple[int, int | Place]]:
    """The fields of a message in order: number, and its value or the place of its bytes.

    Raises IndexError or ValueError, while iterating, where it is none.
    """
    at, end = message
    while at < end:
        key, at = _varint(content, at)
        field, kind = key >> 3, key & 7
        if kind == _NUMBER:
            value, at = _varint(content, at)
            yield field, value
            continue
        if kind == _CONTENT:
            length, at = _varint(content, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"a field of kind {kind}")
        yield field, (at, at + length)
        at += length
    if at != end:
        raise ValueError("a field that ends behind its message")


def places_of(content: mmap, message: Place, wanted: int) -> Iterator[Place]:
    """Where the bytes of the fields of one number are; errors as of `fields_of`."""
    for field, value in fields_of(content, message):
        if field == wanted and not isinstance(value, int):
            yield value


def _varint(content: mmap, at: int) -> tuple[int, int]:
    """A number, seven bits a byte with the lowest first, and where it ends."""
    number, shift = 0, 0
    while True:
        byte = content[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
