from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from gluon_ssd.deploy.onnx.protobuf import fields_of, places_of


def fields(folder: Path, content: bytes) -> list[tuple[int, int | tuple[int, int]]]:
    (folder / "m").write_bytes(content)
    with (
        open(folder / "m", "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        return list(fields_of(mapped, (0, len(mapped))))


def test_fields_of_every_kind_come_in_order(tmp_path):
    content = b"\x08\x96\x01" + b"\x12\x02ab" + b"\x19" + bytes(8) + b"\x25" + bytes(4) + b"\x12\0"
    expected = [(1, 150), (2, (5, 7)), (3, (8, 16)), (4, (17, 21)), (2, (23, 23))]
    assert fields(tmp_path, content) == expected


def test_the_places_of_one_field(tmp_path):
    (tmp_path / "m").write_bytes(b"\x12\x01a\x10\x05\x12\x02bc")
    with (
        open(tmp_path / "m", "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        assert list(places_of(mapped, (0, len(mapped)), 2)) == [(2, 3), (7, 9)]


@pytest.mark.parametrize("content", [b"\x08", b"\x12\x05ab", b"\x0b", b"\x08\xff"])
def test_what_is_no_message_is_an_error(tmp_path, content):
    with pytest.raises((IndexError, ValueError)):
        fields(tmp_path, content)
