"""Read the arrays of an .npz that this program wrote, and nothing that it does not write.

Its members are stored as they are, so that a file never holds more than its own length. NumPy's
reader would unpack compressed ones, and makes room for whatever an array's header says.
"""

from __future__ import annotations

import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections import Counter
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.system.regular_file import open_regular

_MEMBER = ".npy"
_KINDS = "biuf"  # truth values, integers, floats
_MOST_MEMBERS = 100_000
_LONGEST_NAME = 500
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,  # a method of compression, or a version of the form
    RuntimeError,  # encryption
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    OverflowError,
    RecursionError,  # an array's header is a Python literal, which can be nested
    MemoryError,  # so its parser says of what is nested deeper still
    SyntaxError,
    tokenize.TokenError,
)


class DamagedArrays(Exception):
    """A file is damaged, or was not written by this program; the text says what is wrong."""


def read_stored_arrays(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Name to array, in the file's order.

    Args:
        path: of the .npz file.

    Returns:
        Arrays of truth values, integers or floats, which cannot be written to.

    Raises:
        DamagedArrays: nothing of it can be trusted. OSError.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            with zipfile.ZipFile(file) as archive:
                members = _checked(archive.infolist(), size)
                return {
                    member.filename.removesuffix(_MEMBER): _array(
                        archive.read(member), _shown(member.filename)
                    )
                    for member in members
                }
        except _UNREADABLE as error:
            raise DamagedArrays(_reason(error)) from error


def _reason(error: Exception) -> str:
    """The first line of what a library says, without what it quotes of the file."""
    lines = str(error).splitlines() or [""]
    return ascii(lines[0])[1:-1][:100] or type(error).__name__


def _shown(name: str) -> str:
    return ascii(name)[1:-1][:80]


def _checked(members: list[zipfile.ZipInfo], size: int) -> list[zipfile.ZipInfo]:
    """The members of an archive of so many bytes, where all are such as are written here."""
    if len(members) > _MOST_MEMBERS:
        raise DamagedArrays(f"it has {len(members)} members, allowed are {_MOST_MEMBERS}")
    for member in members:
        name = _shown(member.filename)
        if member.flag_bits & 1:
            raise DamagedArrays(f"{name} in it is encrypted")
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise DamagedArrays(f"{name} in it is compressed")
        is_named = member.filename.endswith(_MEMBER) and member.filename.isprintable()
        if not is_named or len(member.filename) > _LONGEST_NAME:
            raise DamagedArrays(f"{name} in it is no array")
    twice = [n for n, times in Counter(m.filename for m in members).items() if times > 1]
    if twice:
        raise DamagedArrays(f"it has {_shown(twice[0])} more than once")
    if sum(member.file_size for member in members) > size:
        raise DamagedArrays(f"its members take more than the {size} bytes it has")
    return members


def _array(content: bytes, name: str) -> NDArray[Any]:
    """The array of a whole member: a header and the values behind it."""
    file = BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise DamagedArrays(f"{name} in it has the unknown version {version}")
    read = np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0
    shape, is_transposed, dtype = read[version[0] - 1](file)
    if dtype.kind not in _KINDS or not dtype.isnative or dtype.subdtype is not None:
        raise DamagedArrays(f"{name} in it has values of the type {_shown(str(dtype))}")
    left, count = len(content) - file.tell(), math.prod(shape)
    if any(length < 0 for length in shape) or count * dtype.itemsize != left or len(shape) > 32:
        raise DamagedArrays(f"{name} in it has the shape {_shown(str(shape))} and {left} bytes")
    values = np.frombuffer(content, dtype, count, file.tell())
    return values.reshape(shape, order="F" if is_transposed else "C")
