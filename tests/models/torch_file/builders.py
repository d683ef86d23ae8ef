"""Torch files, right and wrong ones, written byte by byte."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tests.entry_builders import ROOT

GOLDEN = ROOT / "tests" / "golden" / "torch_files"

ORDERED = b"ccollections\nOrderedDict\n)R"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
START = MAGIC + b"\x80\x02M\xe9\x03." + b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s."
"""The first three pickles of a legacy file."""


def text(word: str) -> bytes:
    """The operation that puts a text on the stack."""
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def storage(count: int = 6, key: str = "0", word: str = "Float") -> bytes:
    """The operations that put a storage on the stack."""
    kind = f"ctorch\n{word}Storage\n".encode()
    number = b"\x8a\x08" + struct.pack("<q", count)
    return b"(" + text("storage") + kind + text(key) + text("cpu") + number + b"tQ"


def whole(numbers: tuple[int, ...]) -> bytes:
    """The operations that put a tuple of numbers on the stack."""
    return b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", n) for n in numbers) + b"t"


def tensor(
    shape: tuple[int, ...] = (2, 3),
    strides: tuple[int, ...] = (3, 1),
    *,
    offset: int = 0,
    of: bytes = b"",
) -> bytes:
    """The operations that put a tensor on the stack."""
    at = b"\x8a\x08" + struct.pack("<q", offset)
    return REBUILD + b"(" + (of or storage()) + at + whole(shape) + whole(strides) + b"\x89}tR"


def pickle_of(value: bytes) -> bytes:
    """A whole pickle around the operations of its value."""
    return b"\x80\x02" + value + b"."


def named(**values: bytes) -> bytes:
    """A pickle of a dictionary."""
    return pickle_of(b"}(" + b"".join(text(name) + value for name, value in values.items()) + b"u")


def torch_zip(
    path: Path, content: bytes, entries: Mapping[str, bytes] = {"data/0": bytes(24)}, **options: int
) -> Path:
    """A torch file of a pickle and other entries."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("x/data.pkl", content)
        for name, inner in entries.items():
            archive.writestr(name if name.startswith(("/", "..")) else f"x/{name}", inner)
    return path
