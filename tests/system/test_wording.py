from __future__ import annotations

import pytest

from gluon_ssd.system.wording import quoted, some_of


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
