from __future__ import annotations

import io
import struct

import pytest

from gluon_ssd.data.sources.recordio_file import check_index, read_records
from gluon_ssd.errors import DataError
from tests.data.records import MAGIC, framed


def records_of(content):
    return list(read_records(io.BytesIO(content), "a.rec"))


def head(kind, length):
    return MAGIC + struct.pack("<I", kind << 29 | length)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"abc",
        b"abcdefgh",
        MAGIC,
        MAGIC * 3,
        b"abcd" + MAGIC,
        MAGIC + b"abcde",
        b"abcd" + MAGIC + b"efghijk" + b"l" + MAGIC + b"m",
        b"ab" + MAGIC + b"cd",  # at no multiple of 4: it stays where it is
    ],
)
def test_the_data_of_a_record_come_back(data):
    content = framed(b"first") + framed(data) + framed(b"last!")
    file = io.BytesIO(content)
    records = list(read_records(file, "a.rec"))
    assert [record.number for record in records] == [0, 1, 2]
    assert records[1].offset == len(framed(b"first"))
    for record, expected in zip(records, (b"first", data, b"last!"), strict=True):
        assert record.size == len(expected)
        for count in (0, 1, 4, 8, 100):
            assert record.start(file, count) == expected[:count]
    for count in range(0, len(data) + 1, 4):
        rest, glued = b"", False
        for offset, length in records[1].parts_after(count):
            rest += (MAGIC if glued else b"") + content[offset : offset + length]
            glued = True
        assert rest == data[count:]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a.rec is empty; it holds no record"),
        (b"\xff\xd8\xff\xe0abcd", "a.rec: record 0 at byte 0 does not begin with the magic"),
        (framed(b"abc")[:-1][:9], "record 0 at byte 0 is cut off: a part of 3 bytes begins at"),
        (framed(b"abcd") + b"\x0a", "record 1 at byte 12 is cut off: the file ends at byte 13"),
        (
            framed(b"abcd") + head(0, (1 << 29) - 1),
            "record 1 at byte 12 is cut off: a part of 5368",
        ),
        (framed(b"abcd") * 2 + b"12345678", "record 2 at byte 24 does not begin with the magic"),
        (head(2, 0), "a part of kind 2 stands at byte 0, expected is 0 or 1"),
        (head(3, 0), "a part of kind 3 stands at byte 0"),
        (head(7, 0), "a part of kind 7 stands at byte 0"),
        (head(1, 0) + head(0, 0), "a part of kind 0 stands at byte 8, expected is 2 or 3"),
        (head(1, 0) + head(2, 0), "record 0 at byte 0 is cut off: the file ends at byte 16"),
    ],
)
def test_every_fault_is_named_with_its_place(content, message):
    with pytest.raises(DataError, match=message):
        records_of(content)


def test_padding_may_be_missing_at_the_end():
    assert len(records_of(framed(b"abcde")[:-3])) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0\t0\n5\t13\n", "line 2: no record begins at byte 13"),
        ("0\t99999999999999999999\n", "line 1: no record begins at byte 9999"),
        ("0\t-1\n", "line 1 must be an id and an offset; got"),
        ("0\n", "line 1 must be an id and an offset"),
        ("a b c\n", "line 1 must be an id and an offset"),
        ("0\t\xbd\n", "line 1 must be an id and an offset"),
    ],
)
def test_an_index_is_compared_with_the_file(tmp_path, text, message):
    path = tmp_path / "a.idx"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        check_index(path, {0, 12})


def test_ids_of_an_index_need_no_order(tmp_path):
    (tmp_path / "a.idx").write_text("40\t12\n\n7\t0\n")
    assert check_index(tmp_path / "a.idx", {0, 12}) == 2
    (tmp_path / "a.idx").write_bytes(b"\xff\xfe\xfa\x00\x01")
    with pytest.raises(DataError, match="a.idx"):
        check_index(tmp_path / "a.idx", {0})
