"""Read MXNet's file of named arrays (`.params`) without MXNet, which trusts what a header says.

All numbers are little-endian:

    uint64 0x112, uint64 0, uint64 number of arrays, the arrays,
    uint64 number of names, the names: uint64 length and UTF-8 each

One array, where the context is two int32 that say on which device it was:

    uint32 magic 0xF993fac9 or 0xF993faca, int32 storage (0: dense)   of MXNet since 0.11 and 1.5
    uint32 magic 0xF993fac8                                           of MXNet 0.9
    int32 number of dimensions, int64 each, context, int32 type, the values

Older files have no magic there: uint32 number of dimensions, uint32 each, context, type, values.
Without dimensions an array has no values and ends there; of 0xF993faca it has one value.

Every number is compared with the length of the file first. Source: `NDArray::Load` in MXNet 1.9.1,
src/ndarray/ndarray.cc, and dmlc-core's serializer.h.
"""

from __future__ import annotations

import io
import math
import os
import struct
from collections import Counter
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.errors import WeightsError
from gluon_ssd.system.regular_file import open_regular
from gluon_ssd.system.wording import some_of

_LIST_MAGIC = 0x112
_MAGIC_0_9, _MAGIC_DENSE, _MAGIC_ANY_SHAPE = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_STORAGES = {1: "row_sparse", 2: "csr"}
_TYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool")
_BFLOAT16 = 12
_MOST_ARRAYS, _MOST_DIMENSIONS, _LONGEST_NAME = 100_000, 32, 1024
_LEAST_ARRAY = 4  # bytes, one without dimensions
_LEAST_NAME = 8


@dataclass(frozen=True)
class _Place:
    """Where the values of an array stand: first byte, type as of the file, shape."""

    start: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    is_bfloat16: bool


def is_array_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file starts as MXNet's files of arrays do. Raises OSError."""
    with open_regular(path) as file:
        return file.read(8) == struct.pack("<Q", _LIST_MAGIC)


def read_array_file(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Name to array, in the file's order; names as they stand there ("arg:...", "aux:...").

    Returns:
        Arrays of the caller's own, of any shape, dtype float32, float64, float16, uint8, int32,
        int8, int64 or bool; bfloat16 becomes float32, which holds all of its values. At least one.

    Raises:
        WeightsError: it is no such file, damaged, cut off, or holds sparse arrays or none by name;
            no more memory was taken than the names need. OSError.
    """
    file = os.fspath(path)
    with open_regular(path) as opened:
        scan = _Scan(opened, file)
        places = scan.places()
        names = scan.names()
        _check_names(file, names, len(places), scan)
        return {name: _values(opened, p, scan) for name, p in zip(names, places, strict=True)}


def _values(opened: io.BufferedReader, place: _Place, scan: _Scan) -> NDArray[Any]:
    array = np.empty(place.shape, place.dtype)
    opened.seek(place.start)
    if array.size and opened.readinto(array.reshape(-1).view(np.uint8).data) != array.nbytes:
        scan.fail("it became shorter while it was read")
    if place.is_bfloat16:  # the upper half of a float32
        return (array.astype(np.uint32) << 16).view(np.float32)
    if place.dtype == np.bool_:  # any byte may stand there; NumPy's own are 0 and 1 alone
        return array.view(np.uint8) != 0
    return array


def _check_names(file: str, names: list[str], count: int, scan: _Scan) -> None:
    if not names:
        raise WeightsError(
            f"{file} holds no named arrays, it holds {count} arrays without names; give a "
            ".params file of a network"
        )
    if len(names) != count:
        scan.fail(f"it has {count} arrays and {len(names)} names")
    odd = [name for name in names if not name.isprintable()]
    if odd:
        scan.fail(f"an array is called {ascii(odd[0])[:80]}")
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        scan.fail(f"several arrays have one name: {some_of(twice)}")


class _Scan:
    """Walks through a file from its start and reads headers alone."""

    def __init__(self, opened: io.BufferedReader, file: str) -> None:
        self._descriptor, self._file = opened.fileno(), file
        self._size = os.fstat(self._descriptor).st_size
        self._at = 0

    def fail(self, what: str) -> NoReturn:
        """Raise WeightsError that says what is wrong."""
        raise WeightsError(
            f"{self._file} is no MXNet parameter file, or it is damaged or cut off ({what}); copy "
            "or fetch it anew"
        )

    def places(self) -> list[_Place]:
        """Where all arrays stand."""
        if self._size < 8 or self._number("Q", "its kind") != _LIST_MAGIC:
            self.fail("it does not start as one")
        self._number("Q", "its start")
        count = self._count("arrays", least=_LEAST_ARRAY, most=_MOST_ARRAYS)
        return [self._array(number) for number in range(count)]

    def names(self) -> list[str]:
        """The names, which the file ends with."""
        count = self._count("names", least=_LEAST_NAME, most=_MOST_ARRAYS)
        names = [self._name(number) for number in range(count)]
        if self._at != self._size:
            self.fail(f"{self._size - self._at} bytes stand behind its end")
        return names

    def _array(self, number: int) -> _Place:
        what = f"array {number}"
        magic = self._number("I", what)
        if magic in (_MAGIC_DENSE, _MAGIC_ANY_SHAPE):
            storage = self._number("i", what)
            if storage in _STORAGES:
                raise WeightsError(
                    f"{self._file}: {what} is sparse ({_STORAGES[storage]}), and a network of "
                    "this project has dense arrays alone; write it with dense arrays"
                )
            if storage != 0:
                self.fail(f"{what} has the unknown storage {storage}")
        is_old = magic not in (_MAGIC_0_9, _MAGIC_DENSE, _MAGIC_ANY_SHAPE)
        count = magic if is_old else self._number("i", what)
        if not 0 <= count <= _MOST_DIMENSIONS:
            self.fail(f"{what} has {count} dimensions, allowed are {_MOST_DIMENSIONS}")
        if count == 0 and magic != _MAGIC_ANY_SHAPE:
            self.fail(f"{what} has no values, as of a network that was never run")
        shape = self._numbers(f"{count}{'I' if is_old else 'q'}", what)
        if any(length < 0 for length in shape):
            self.fail(f"{what} has the shape {shape}")
        _, _, flag = self._numbers("3i", what)
        return self._place(what, shape, flag)

    def _place(self, what: str, shape: tuple[int, ...], flag: int) -> _Place:
        if flag != _BFLOAT16 and not 0 <= flag < len(_TYPES):
            self.fail(f"{what} has values of the unknown type {flag}")
        dtype = np.dtype("uint16" if flag == _BFLOAT16 else _TYPES[flag]).newbyteorder("<")
        start, count = self._at, math.prod(shape)
        # NumPy multiplies the lengths that are not 0 all the same.
        most = math.prod(length for length in shape if length)
        left = self._size - start
        if count * dtype.itemsize > left or most * dtype.itemsize > np.iinfo(np.intp).max:
            self.fail(
                f"{what} of shape {shape} takes {most * dtype.itemsize} bytes, {left} are left"
            )
        self._at += count * dtype.itemsize
        return _Place(start, dtype, shape, flag == _BFLOAT16)

    def _name(self, number: int) -> str:
        length = self._number("Q", "a name")
        if length > _LONGEST_NAME:
            self.fail(f"name {number} has {length} bytes, allowed are {_LONGEST_NAME}")
        try:
            return self._bytes(length, f"name {number}").decode()
        except UnicodeDecodeError:
            self.fail(f"name {number} is not UTF-8 text")

    def _count(self, what: str, *, least: int, most: int) -> int:
        """How many of something follow, each of so many bytes at least."""
        count = self._number("Q", f"its number of {what}")
        left = self._size - self._at
        if count > most or count * least > left:
            self.fail(f"it says that {count} {what} follow, in {left} bytes")
        return count

    def _number(self, kind: str, what: str) -> int:
        return self._numbers(kind, what)[0]

    def _numbers(self, kinds: str, what: str) -> tuple[int, ...]:
        layout = f"<{kinds}"
        return struct.unpack(layout, self._bytes(struct.calcsize(layout), what))

    def _bytes(self, length: int, what: str) -> bytes:
        content = os.pread(self._descriptor, length, self._at)
        if len(content) < length:
            self.fail(f"it ends within {what}")
        self._at += length
        return content
