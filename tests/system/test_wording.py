from __future__ import annotations

import pytest

from gluon_ssd.system.wording import one_line, quoted, shown, some_of


@pytest.mark.parametrize(
    ("entries", "options", "text"),
    [
        ([], {}, ""),
        (["a", "b", "c"], {}, "a, b, c"),
        (["a", "b", "c", "d"], {}, "a, b, c and 1 more"),
        (["a", "b", "c"], {"most": 1, "separator": "; "}, "a and 2 more"),
        (["a", "b"], {"separator": "; "}, "a; b"),
    ],
)
def test_lists_are_cut_short(entries: list[str], options: dict, text: str):
    assert some_of(iter(entries), **options) == text


def test_quoted_text_is_one_short_line():
    assert quoted("a\nb") == r"'a\nb'"
    assert quoted("x" * 100, most=5) == "'xxxxx'... (100 characters)"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Zebra, Ärger, 猫 \u00a0b", "Zebra, Ärger, 猫 \u00a0b"),
        ("a\nb\r\tc\x00", "a\\nb\\r\\tc\\x00"),
        ("a\u2028b\x85", "a\\u2028b\\x85"),
        ("\x1b[31mred\u202e", "\\x1b[31mred\\u202e"),
        ("bytes \udcff", "bytes \\udcff"),
    ],
    ids=["letters", "breaks", "separators", "terminal", "bytes"],
)
def test_what_is_no_letter_of_a_line_is_escaped(text: str, line: str):
    assert one_line(text) == line
    assert len(line.splitlines()) == 1 and line.encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        ("a\nb", "'a\\nb'"),
        (None, "None"),
        ([1, "2"], "[1, '2']"),
        ("x" * 100, "'" + "x" * 60 + "'... (100 characters)"),
        ([0] * 10**6, "[0, 0, 0, 0, 0, 0, 0, 0, ...]"),
        ([[0.123456789] * 9] * 9, "[[0.123456789, 0.123456789, 0.123456789, 0.123456789, 0.1..."),
        ({"k": "\u2028"}, "{'k': '\\u2028'}"),
    ],
    ids=["number", "text", "none", "list", "long", "long_list", "lists", "dict"],
)
def test_values_are_shown_on_one_short_line(value: object, text: str):
    assert shown(value) == text
    assert len(text) <= 100
