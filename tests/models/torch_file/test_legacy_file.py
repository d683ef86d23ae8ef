"""The form without an archive: pickles, then storages, each checked against the other."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.errors import WeightsError
from gluon_ssd.models.torch_file.legacy_file import LegacyFile, is_legacy_torch
from gluon_ssd.models.torch_file.notes import Storage
from tests.models.torch_file.builders import (
    GOLDEN,
    MAGIC,
    START,
    named,
    pickle_of,
    storage,
    tensor,
    text,
)

TWO = named(w=tensor(), v=tensor((2,), (1,), of=storage(2, "1", "Long")))
KEYS = pickle_of(b"](" + text("1") + text("0") + b"e")
DATA = struct.pack("<q2q", 2, -5, 7) + struct.pack("<q6f", 6, *range(6))


def write(path: Path, *parts: bytes) -> str:
    path.write_bytes(b"".join(parts))
    return str(path)


def test_storages_come_in_the_order_of_the_list(tmp_path: Path):
    opened = LegacyFile(write(tmp_path / "a.pt", START, TWO, KEYS, DATA))
    assert opened.byte_order == "<" and list(opened.root) == ["w", "v"]
    assert np.frombuffer(opened.storage_bytes(Storage("1", "int64", 2)), "<i8").tolist() == [-5, 7]
    floats = np.frombuffer(opened.storage_bytes(Storage("0", "float32", 6)), "<f4")
    assert floats.tolist() == [0, 1, 2, 3, 4, 5]
    opened.close()


def test_the_form_is_known_by_its_first_bytes():
    start = (GOLDEN / "weights_legacy.pt").read_bytes()[:16]
    assert is_legacy_torch(start) and is_legacy_torch(b"\x80\x04" + start[2:])
    assert not is_legacy_torch(start[:8]) and not is_legacy_torch(b"\x80\x02K\x01." + start)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((MAGIC,), "damaged or cut off; copy"),
        ((MAGIC, b"\x80\x02M\xea\x03.", START), "not those of a torch file"),
        ((b"\x80\x02K\x01.", START), "not those of a torch file"),
        ((START, TWO), "damaged or cut off; copy"),
        ((START, TWO, pickle_of(b"}"), DATA), "its list of storages is wrong"),
        ((START, TWO, pickle_of(b"](K\x00K\x01e"), DATA), "its list of storages is wrong"),
        ((START, TWO, pickle_of(b"](" + text("2") + b"e"), DATA), "its list of storages is wrong"),
        ((START, TWO, pickle_of(b"](" + text("0") * 3 + b"e"), DATA), "its list of storages"),
        ((START, TWO, KEYS, DATA[:-1]), "a storage of 6 elements is not all there"),
        ((START, TWO, KEYS, DATA[:20]), "a storage of 2 elements is not all there"),
        ((START, TWO, KEYS), "a storage of 2 elements is not all there"),
        ((START, TWO, KEYS, struct.pack("<q", 3), DATA[8:]), "a storage of 2 elements is not all"),
    ],
)
def test_what_does_not_fit_is_one_line(parts, message, tmp_path: Path):
    file = write(tmp_path / "a.pt", *parts)
    with pytest.raises(WeightsError, match=message) as caught:
        LegacyFile(file)
    assert str(caught.value).startswith(file) and str(caught.value).isprintable()


def test_a_storage_that_the_list_lacks(tmp_path: Path):
    keys = pickle_of(b"](" + text("1") + b"e")
    opened = LegacyFile(write(tmp_path / "a.pt", START, TWO, keys, DATA))
    with pytest.raises(WeightsError, match="a storage is missing"):
        opened.storage_bytes(Storage("0", "float32", 6))
