"""Text of other editors is read as it is meant, or one line says why it cannot be."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

import pytest

from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.system.text_file import (
    MOST_TEXT_BYTES,
    decode_text,
    each_line,
    open_text,
    read_lines,
    read_text,
    text_lines,
)

WORDS = "Bär\n猫\n"


def write(folder: Path, content: bytes) -> Path:
    path = folder / "a.txt"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        WORDS.encode(),
        codecs.BOM_UTF8 + WORDS.encode(),
        codecs.BOM_UTF16_LE + WORDS.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + WORDS.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + WORDS.encode("utf-32-le"),
        codecs.BOM_UTF32_BE + WORDS.encode("utf-32-be"),
        WORDS.replace("\n", "\r\n").encode(),
        WORDS.replace("\n", "\r").encode(),
        WORDS.rstrip().encode(),
    ],
    ids=["utf-8", "mark", "utf-16", "big", "utf-32", "big 32", "windows", "old mac", "no end"],
)
def test_the_encodings_and_line_ends_of_editors(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, content)
    assert read_lines(path, "list") == ["Bär", "猫"]
    with open_text(path) as file:
        assert text_lines(file.read()) == ["Bär", "猫"]


def test_only_line_ends_end_a_line() -> None:
    assert text_lines("a\x0bb\x85c\u2028d\n\ne") == ["a\x0bb\x85c\u2028d", "", "e"]
    assert text_lines("") == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a\nBär".encode("latin-1"), r"it is not UTF-8 text \(line 2\); save it as UTF-8; do so"),
        ("汽车".encode("gb2312"), r"it is not UTF-8 text \(line 1\)"),
        (codecs.BOM_UTF16_LE + b"a\0\n\0b", r"it is not UTF-16-LE text \(line 2\)"),
        ("ab\nc".encode("utf-16-le"), r"UTF-16 without a byte order mark \(a zero byte in line 1"),
        (b"a\n\0", r"it is no text, or UTF-16 .* \(a zero byte in line 2\); save it as UTF-8"),
        (b"\xed\xa0\x80", "it is not UTF-8 text"),
    ],
    ids=["latin-1", "gb2312", "odd", "no mark", "zero", "half a character"],
)
def test_other_encodings_are_named_and_not_guessed(
    tmp_path: Path, content: bytes, said: str
) -> None:
    with pytest.raises(OptionError, match=f"cannot read the list .*a.txt: .*{said}") as caught:
        read_text(write(tmp_path, content), "list", error=OptionError, advice="; do so")
    assert "\n" not in str(caught.value)


def test_comments_may_be_in_any_encoding(tmp_path: Path) -> None:
    content = "# größer\nname = a\n  ; größer\n# gut\n".encode("latin-1")
    text = read_text(write(tmp_path, content), "list", comment_marks=("#", ";"))
    assert text.split("\n") == ["", "name = a", "", "# gut", ""]
    with pytest.raises(DataError, match="not UTF-8 text"):
        read_text(write(tmp_path, b"name = \xe4\n# \xe4"), "list", comment_marks=("#",))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none.txt", "No such file"),
        (".", "Is a directory"),
        ("pipe", "it is a pipe, not a file"),
        ("huge", f"allowed are {MOST_TEXT_BYTES}"),
        ("a\0b", "null byte"),
    ],
)
def test_what_is_no_text_file_is_one_line(tmp_path: Path, name: str, said: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(MOST_TEXT_BYTES + 1)
    with pytest.raises(DataError, match=said):
        read_lines(tmp_path / name, "list")


def test_decode_text_names_the_declared_encoding_and_the_byte() -> None:
    assert decode_text("猫".encode("gb18030"), "a", declared="gb18030") == "猫"
    with pytest.raises(DataError, match=r"a is not GB18030 text \(byte 1\); write it anew"):
        decode_text(b"x\xff", "a", declared="gb18030", advice="write it anew")


def test_an_opened_text_of_another_encoding_raises_while_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(UnicodeDecodeError), open_text(write(tmp_path, b"\xff")) as file:
        file.read()


def test_lines_one_at_a_time(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n\nfour")
    assert list(each_line(path, "list")) == ["one", "two", "three", "", "four"]
    path.write_bytes("gr\u00fcn\n".encode("utf-16"))
    assert list(each_line(path, "list")) == ["gr\u00fcn"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"one\ntwo\n" + b"x" * 11,
            "cannot read the list .*a.txt: line 3 has more than 10 letters",
        ),
        (b"one\n\xff\xff\xff", r"a.txt: it is not UTF-8 text \(behind line \d\); save it as UTF-8"),
        (None, "cannot read the list .*a.txt: No such file"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path, content, message):
    path = tmp_path / "a.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(each_line(path, "list", 10))
