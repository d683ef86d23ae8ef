"""What network a checkpoint is of, read without its arrays and without any framework.

For options, which must agree with a checkpoint before anything else is read.
`checkpoint.load_checkpoint` reads all of one, and says what is wrong with it.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

from gluon_ssd.errors import WeightsError
from gluon_ssd.system.files import is_zip
from gluon_ssd.system.json_text import parse_json
from gluon_ssd.system.regular_file import open_regular

MOST_FACTS = 4 << 20
"""Bytes of their JSON: a thousand class names take a hundredth of it."""

_SIDES = range(8, 8193)  # as of a record
_MEMBER = "facts.npy"
_HEADER = b"\x93NUMPY\x01\x00"  # of an array of NumPy's first version; two bytes of length follow
_MOST_HEADER = 1 << 16
_UNREADABLE = (
    OSError,
    WeightsError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,  # no such member
    NotImplementedError,  # a method of compression, or a version of the form
    OverflowError,
    RuntimeError,  # encryption
    ValueError,
)


@dataclass(frozen=True)
class SavedNetwork:
    """What a checkpoint says of its network.

    Attributes:
        name: the full one.
        side: of the square input, px; None where it does not say.
    """

    name: str
    side: int | None


def saved_network(path: str | os.PathLike[str]) -> SavedNetwork | None:
    """The network of a checkpoint; None where a file is missing, none, or damaged.

    Whoever loads the file says why it cannot be used; no more of it is read here than its facts.
    """
    try:
        facts = parse_json(_facts_of(path), os.fspath(path), error=WeightsError)
    except _UNREADABLE:
        return None
    network = facts.get("network") if isinstance(facts, dict) else None
    if not isinstance(network, dict) or not isinstance(network.get("name"), str):
        return None
    return SavedNetwork(network["name"], _side(network.get("data_shape")))


def _facts_of(path: str | os.PathLike[str]) -> bytes:
    """The JSON of an archive's array of facts; empty where it has none of the usual kind."""
    if not is_zip(path):
        return b""
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        member = archive.getinfo(_MEMBER)
        is_stored = member.compress_type == zipfile.ZIP_STORED
        if not is_stored or member.file_size > MOST_FACTS + _MOST_HEADER:
            return b""
        content = archive.read(member)
    if not content.startswith(_HEADER):
        return b""
    length = int.from_bytes(content[len(_HEADER) : len(_HEADER) + 2], "little")
    return content[len(_HEADER) + 2 + length :]


def _side(value: Any) -> int | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and value in _SIDES else None
