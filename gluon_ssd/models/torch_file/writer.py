"""Write weights as a file that `torch.load(path, weights_only=True)` reads; torch is not needed.

It has the form of torch 1.6 and later (see `zip_file`): storages as they lie in memory, each from a
multiple of 64 bytes on, and a pickle that names nothing but dictionaries and tensors.
"""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.models.torch_file.notes import STORAGES
from gluon_ssd.system.files import atomic_write

_NAME = "weights"  # of the folder in the archive; torch takes any
_ALIGNMENT = 64
_LOCAL_HEADER = 30  # bytes of a zip entry before its name
_PADDING = 0x4246  # the kind of extra field that torch pads with: "FB"
_WORDS = {dtype: word for word, dtype in STORAGES.items()}
_DATE = (1980, 1, 1, 0, 0, 0)  # the same weights give the same bytes


def write_state_dict(
    path: str | os.PathLike[str],
    arrays: Mapping[str, NDArray[Any]],
    *,
    below: str = "",
    facts: Mapping[str, Any] = {},
) -> None:
    """Write named arrays as a torch file.

    Args:
        path: usually ends in .pt or .pth.
        arrays: by name, each of a type among the values of `notes.STORAGES`.
        below: key of a checkpoint that the weights stand below, with `facts` beside them; "" makes
            the weights the whole file.
        facts: None, texts, numbers, and dictionaries and lists of them, by key.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    content = b"".join(_pickled(arrays, below, facts))
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, file, "data.pkl", content)
        _add(archive, file, "byteorder", b"little")
        for index, array in enumerate(arrays.values()):
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            _add(archive, file, f"data/{index}", little.tobytes())
        _add(archive, file, "version", b"3\n")


def _add(archive: zipfile.ZipFile, file: IO[bytes], entry: str, content: bytes) -> None:
    """One entry, whose content begins at a multiple of 64 bytes."""
    info = zipfile.ZipInfo(f"{_NAME}/{entry}", _DATE)
    begin = file.tell() + _LOCAL_HEADER + len(info.filename) + 4  # of its kind and length
    padding = -begin % _ALIGNMENT
    info.extra = struct.pack("<HH", _PADDING, padding) + b"Z" * padding
    archive.writestr(info, content)


def _pickled(
    arrays: Mapping[str, NDArray[Any]], below: str, facts: Mapping[str, Any]
) -> Iterator[bytes]:
    """The pickle, in protocol 2, as torch's own is."""
    yield b"\x80\x02"
    if not below:
        yield from _weights(arrays)
    else:
        yield b"}("
        yield _text(below)
        yield from _weights(arrays)
        for key, value in facts.items():
            yield _text(key)
            yield from _value(value)
        yield b"u"
    yield b"."


def _weights(arrays: Mapping[str, NDArray[Any]]) -> Iterator[bytes]:
    empty = b"ccollections\nOrderedDict\n)R"
    yield empty + b"("
    for index, (name, array) in enumerate(arrays.items()):
        # The strides of an array in C order, in elements.
        strides = [int(np.prod(array.shape[axis + 1 :])) for axis in range(array.ndim)]
        word = _WORDS[array.dtype.name]
        yield _text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(("
        yield _text("storage") + f"ctorch\n{word}Storage\n".encode()
        yield _text(str(index)) + _text("cpu") + _whole(array.size) + b"tQ" + _whole(0)
        yield _tuple(array.shape) + _tuple(strides) + b"\x89" + empty + b"tR"
    yield b"u"


def _value(value: Any) -> Iterator[bytes]:
    """A fact. Raises TypeError for what it cannot be."""
    if value is None or isinstance(value, bool):
        yield {None: b"N", True: b"\x88", False: b"\x89"}[value]
    elif isinstance(value, int):
        yield _whole(value)
    elif isinstance(value, float):
        yield b"G" + struct.pack(">d", value)
    elif isinstance(value, str):
        yield _text(value)
    elif isinstance(value, Mapping):
        yield b"}("
        for key, inner in value.items():
            yield from _value(key)
            yield from _value(inner)
        yield b"u"
    elif isinstance(value, list | tuple):
        yield b"]("
        for inner in value:
            yield from _value(inner)
        yield b"e"
    else:
        raise TypeError(f"a {type(value).__name__} cannot stand in a torch file")


def _text(text: str) -> bytes:
    encoded = text.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def _whole(number: int) -> bytes:
    digits = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(digits)]) + digits


def _tuple(numbers: Any) -> bytes:
    return b"(" + b"".join(_whole(int(number)) for number in numbers) + b"t"
