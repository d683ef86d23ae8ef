from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.training.stored_arrays import DamagedArrays, read_stored_arrays

ARRAYS = {
    "weights/a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "weights/b": np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
    "flag": np.array(True),
    "none": np.zeros((0, 4), np.uint8),
}


def member(header: str, content: bytes = b"", version: int = 1) -> bytes:
    """An array file whose header is any text."""
    return b"\x93NUMPY" + struct.pack("<BBH", version, 0, len(header)) + header.encode() + content


def write(path: Path, members: Mapping[str, bytes], **options: int) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_arrays_are_those_that_numpy_reads(tmp_path: Path):
    np.savez(tmp_path / "a.npz", **ARRAYS)
    found = read_stored_arrays(tmp_path / "a.npz")
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


SHAPE = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }\n"
HEADERS = {
    "more values than there are": (member(SHAPE % "(4,)", bytes(4)), r"the shape \(4,\) and 4"),
    "huge": (member(SHAPE % "(1000000000,)", bytes(4)), r"the shape \(1000000000,\) and 4 bytes"),
    "beyond 64 bits": (member(SHAPE % f"({2**62}, {2**62})", bytes(4)), "the shape"),
    "negative": (member(SHAPE % "(-1, -1)", bytes(4)), r"the shape \(-1, -1\)"),
    "more bytes": (member(SHAPE % "(1,)", bytes(5)), r"the shape \(1,\) and 5 bytes"),
    "objects": (member(SHAPE.replace("<f4", "|O") % "(0,)"), "values of the type object"),
    "text": (member(SHAPE.replace("<f4", "<U4") % "(0,)"), "values of the type <U4"),
    "another order": (member(SHAPE.replace("<f4", ">f4") % "(0,)"), "values of the type >f4"),
    "fields": (member(SHAPE.replace("'<f4'", "[('a', '<f4')]") % "(0,)"), "values of the type"),
    "nested": (member("(" * 9000), "."),
    "long": (member("#" * 60000), "Header info length"),
    "no header": (b"NUMPY", "."),
    "unknown version": (member(SHAPE % "(0,)", version=9), r"unknown version \(9, 0\)"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_headers_are_not_believed(tmp_path: Path, case: str):
    content, message = HEADERS[case]
    path = write(tmp_path / "a.npz", {"a.npy": content})
    tracemalloc.start()
    try:
        with pytest.raises(DamagedArrays, match=message) as caught:
            read_stored_arrays(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert str(caught.value) and "\n" not in str(caught.value)


def sound() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(1000))
    return file.getvalue()


def test_compressed_members_are_not_unpacked(tmp_path: Path):
    path = write(tmp_path / "a.npz", {"a.npy": sound()}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(DamagedArrays, match=r"a\.npy in it is compressed"):
        read_stored_arrays(path)


def test_encrypted_members_are_refused(tmp_path: Path):
    path = write(tmp_path / "a.npz", {"a.npy": sound()})
    content = bytearray(path.read_bytes())
    for start, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(start) + at] |= 1
    path.write_bytes(content)
    with pytest.raises(DamagedArrays, match=r"a\.npy in it is encrypted"):
        read_stored_arrays(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_stands_once(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for _ in range(2):
            archive.writestr("a.npy", sound())
    with pytest.raises(DamagedArrays, match=r"it has a\.npy more than once"):
        read_stored_arrays(tmp_path / "a.npz")


def test_members_that_overlap_are_refused(tmp_path: Path):
    path = write(tmp_path / "a.npz", {"a.npy": sound(), "b.npy": sound(), "c.npy": b""})
    content = path.read_bytes()
    start = content.index(b"PK\x01\x02")
    first = content[start : content.index(b"PK\x01\x02", start + 1)]
    second = first.replace(b"a.npy", b"b.npy")
    many = b"".join(first.replace(b"a.npy", b"%d.npy" % number) for number in range(3))
    end = bytearray(content[content.index(b"PK\x05\x06") :])
    end[8:16] = struct.pack("<HHI", 5, 5, len(first + second + many))
    path.write_bytes(content[:start] + first + second + many + end)
    with pytest.raises(DamagedArrays, match="its members take more than the"):
        read_stored_arrays(path)


@pytest.mark.parametrize("name", ["a.txt", "a\n.npy", "a" * 600 + ".npy", "../a"])
def test_members_are_arrays(tmp_path: Path, name: str):
    with pytest.raises(DamagedArrays, match="in it is no array"):
        read_stored_arrays(write(tmp_path / "a.npz", {name: sound()}))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"text" * 99])
def test_other_files_hold_nothing_or_are_refused(tmp_path: Path, content: bytes):
    (tmp_path / "a.npz").write_bytes(content)
    try:
        assert read_stored_arrays(tmp_path / "a.npz") == {}
    except DamagedArrays as error:
        assert str(error)


def test_a_pipe_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "a.npz")
    with pytest.raises(OSError, match="it is a pipe, not a file"):
        read_stored_arrays(tmp_path / "a.npz")
