"""RecordIO files of our own, beside MXNet's reader and writer of them."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluon_ssd.data.convert import record_file
from gluon_ssd.data.convert.record_file import RecordFile, packed, parts_of
from gluon_ssd.errors import DataError

MAGIC = struct.pack("<I", 0xCED7230A)
RECORDS = [
    b"",
    b"a",
    b"1234",
    MAGIC,
    MAGIC * 3,
    b"x" + MAGIC + b"yz",  # not at a multiple of four
    b"abcd" + MAGIC + b"efg",
    b"abcd" + MAGIC,
    MAGIC + b"abcd",
    b"ab" + MAGIC + b"cd" + MAGIC + MAGIC + b"e",
]


def written(records):
    file = io.BytesIO()
    target = RecordFile(file, "a.rec")
    return file, [target.write(record) for record in records]


def test_parts_leave_the_magic_number_out():
    assert list(parts_of(b"abc")) == [(0, b"abc")]
    assert list(parts_of(b"abcd" + MAGIC + b"efg")) == [(1, b"abcd"), (3, b"efg")]
    assert list(parts_of(MAGIC * 2)) == [(1, b""), (2, b""), (3, b"")]
    assert list(parts_of(b"x" + MAGIC)) == [(0, b"x" + MAGIC)]


def test_mxnet_writes_the_same_bytes_and_reads_them(tmp_path):
    from gluon_ssd.compat import mx

    file, offsets = written(RECORDS)
    other = mx.recordio.MXRecordIO(str(tmp_path / "mxnet.rec"), "w")
    for record in RECORDS:
        other.write(record)
    other.close()
    assert file.getvalue() == (tmp_path / "mxnet.rec").read_bytes()
    own = tmp_path / "own.rec"
    own.write_bytes(file.getvalue())
    index = tmp_path / "own.idx"
    index.write_text("".join(f"{n}\t{offset}\n" for n, offset in enumerate(offsets)))
    reader = mx.recordio.MXIndexedRecordIO(str(index), str(own), "r")
    # MXNet's reader gives None for a record without bytes.
    assert [reader.read_idx(n) or b"" for n in range(len(RECORDS))] == RECORDS
    reader.close()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=9), st.just(MAGIC), st.just(b"\0\0\0\0")), max_size=12)
)
def test_joined_parts_are_the_record(pieces):
    data = b"".join(pieces)
    file, _ = written([data])
    content, place, parts = file.getvalue(), 0, []
    while place < len(content):
        magic, word = struct.unpack_from("<II", content, place)
        assert magic == 0xCED7230A
        length = word & (1 << 29) - 1
        parts.append((word >> 29, content[place + 8 : place + 8 + length]))
        place += 8 + -(-length // 4) * 4
    assert MAGIC.join(part for _, part in parts) == data
    kinds = [kind for kind, _ in parts]
    assert kinds == ([0] if len(kinds) == 1 else [1, *[2] * (len(kinds) - 2), 3])


@pytest.mark.filterwarnings("ignore:tostring:DeprecationWarning")  # in MXNet
def test_head_of_an_image_is_that_of_mxnet():
    from gluon_ssd.compat import mx

    labels = np.array([4, 6, 80, 60, 1, 0.25, 0.5, 0.75, 1, 1], np.float32)
    header = mx.recordio.IRHeader(0, labels, 7, 0)
    assert packed(7, labels, b"image") == mx.recordio.pack(header, b"image")


def test_a_part_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(record_file, "_LARGEST", 8)
    with pytest.raises(DataError, match="a record of a.rec would have 9 bytes, RecordIO holds"):
        written([b"x" * 9])
