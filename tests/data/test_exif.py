"""The EXIF tag, from whole files and from broken ones."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from gluon_ssd.data.exif import orientation_of, orientation_of_file


def tiff(order: str, entry: bytes, count: int = 1) -> bytes:
    number = {"II": "little", "MM": "big"}[order]
    head = order.encode() + (42).to_bytes(2, number) + (8).to_bytes(4, number)
    return head + count.to_bytes(2, number) + entry


def jpeg(tiff_part: bytes, before: bytes = b"") -> bytes:
    segment = b"Exif\0\0" + tiff_part
    return b"\xff\xd8" + before + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment


SIX_II = b"\x12\1\3\0\1\0\0\0\6\0\0\0"
SIX_MM = b"\1\x12\0\3\0\0\0\1\0\6\0\0"


@pytest.mark.parametrize(
    ("content", "orientation"),
    [
        (jpeg(tiff("II", SIX_II)), 6),
        (jpeg(tiff("MM", SIX_MM)), 6),
        (jpeg(tiff("MM", b"\1\x12\0\4\0\0\0\1\0\0\0\6")), 6),
        (jpeg(tiff("II", b"\0" * 12 + SIX_II, 2)), 6),
        (jpeg(tiff("II", SIX_II), b"\xff\xe0\0\4ab\xff\xff\xd0\xff\xe1\0\6http"), 6),
        (jpeg(tiff("II", SIX_II, 60_000)), 6),
        (jpeg(tiff("II", SIX_II.replace(b"\6", b"\x09"))), 1),
        (jpeg(tiff("II", SIX_II.replace(b"\6", b"\0"))), 1),
        (jpeg(tiff("II", SIX_II[:8])), 1),
        (jpeg(tiff("II", SIX_II, 0)), 1),
        (jpeg(tiff("II", b"\x12\1\2\0\1\0\0\0\6\0\0\0")), 1),
        (jpeg(b"II*\0\xff\xff\xff\xff"), 1),
        (jpeg(b"II*\0"), 1),
        (jpeg(b"XX*\0\x08\0\0\0"), 1),
        (b"\xff\xd8\xff\xda" + jpeg(tiff("II", SIX_II))[2:], 1),
        (b"\xff\xd8\xff\xe1\0\1", 1),
        (b"\xff\xd8\xff", 1),
        (b"\xff\xd8ab", 1),
        (b"\x89PNG", 1),
        (b"", 1),
        (b"\xff\xd8" + b"\xff\xe2\0\2" * 2000 + jpeg(tiff("II", SIX_II))[2:], 1),
    ],
)
def test_the_tag_is_read_from_whole_and_from_broken_headers(
    content: bytes, orientation: int
) -> None:
    assert orientation_of(io.BytesIO(content)) == orientation
    for cut in range(len(content) if len(content) < 100 else 0):
        assert orientation_of(io.BytesIO(content[:cut])) in (1, orientation)


def test_a_missing_file_has_no_orientation(tmp_path: Path) -> None:
    assert orientation_of_file(tmp_path / "none.jpg") == 1


def test_fill_bytes_without_end_are_given_up() -> None:
    content = io.BytesIO(b"\xff\xd8" + b"\xff" * 1_000_000)
    assert orientation_of(content) == 1
    assert content.tell() < 20_000
