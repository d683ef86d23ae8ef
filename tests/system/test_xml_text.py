"""XML of strangers ends in a tree or in one line, in time and memory that grow with its size."""

from __future__ import annotations

import codecs

import pytest

from gluon_ssd.errors import DataError, WeightsError
from gluon_ssd.system import xml_text
from gluon_ssd.system.xml_text import parse_xml


def declared(encoding: str, text: str = "<a>猫</a>") -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>{text}'


@pytest.mark.parametrize(
    "content",
    [
        "<a>猫</a>".encode(),
        codecs.BOM_UTF8 + declared("gb2312").encode(),
        declared("gb2312").encode("gb2312"),
        declared("GBK").encode("gbk"),
        declared("Shift_JIS").encode("shift_jis"),
        declared("euc-jp").encode("euc-jp"),
        declared("big5", "<a>貓</a>").encode("big5"),
        declared("utf-16").encode("utf-16"),
        declared("utf-16").encode("utf-16-le"),
        declared("utf-16").encode(),
    ],
    ids=[
        *("plain", "mark wins", "gb2312", "gbk", "shift_jis", "euc-jp", "big5"),
        *("utf-16", "utf-16 without a mark", "utf-16 by its word alone"),
    ],
)
def test_encodings_that_a_file_declares(content: bytes) -> None:
    assert parse_xml(content, "a.xml").text in ("猫", "貓")


def test_what_is_called_gb2312_may_hold_the_characters_of_its_successors() -> None:
    content = declared("gb2312", "<a>镕</a>").encode("gbk")
    assert parse_xml(content, "a.xml").text == "镕"


LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no element found"),
        (b"<a>", "no element found: line 1, column 3; the file is damaged or cut off"),
        (b"<a>\0</a>", "not well-formed"),
        (b"<a>&#xD800;</a>", "reference to invalid character number"),
        (b"<a>&who;</a>", "undefined entity"),
        (b"<a>B\xe4r</a>", r"it is not UTF-8 text \(byte 4\); save it as UTF-8"),
        (declared("klingon").encode(), "declares the unknown encoding 'klingon'; save it as UTF-8"),
        (declared("zlib").encode(), "declares the unknown encoding 'zlib'"),
        (declared("unicode_escape").encode(), "declares the unknown encoding 'unicode_escape'"),
        (declared("gb2312").encode() + b"\xff", r"it is not GB18030 text"),
        (f'<!DOCTYPE a [<!ENTITY l0 "x">{LAUGHS}]><a>&l9;</a>'.encode(), "declares XML entities"),
        (b'<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><a>&f;</a>', "XML entities"),
    ],
)
def test_what_cannot_be_read_is_one_line(content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=f"a.xml .*{said}") as caught:
        parse_xml(content, "a.xml")
    assert "\n" not in str(caught.value)


def test_deep_nesting_is_a_tree_as_any_other() -> None:
    root = parse_xml(b"<a>" * 100_000 + b"</a>" * 100_000, "a.xml", error=WeightsError)
    assert sum(1 for _ in root.iter("a")) == 100_000


def test_too_many_tags_or_attributes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_text, "MOST_XML_TAGS", 6)
    monkeypatch.setattr(xml_text, "MOST_XML_ATTRIBUTES", 2)
    parse_xml(b"<a><b c='1' d='2'/><b/><b/><b/></a>", "a.xml")
    many = b"<a><b/><b/><b/><b/><b/></a>"
    for content in (many, b'<a b="1" c="1" d="1" e="1" f="1" g="1"/>'):
        with pytest.raises(WeightsError, match="more than 6 tags or 2 attributes; split"):
            parse_xml(content, "a.xml", error=WeightsError)
