from __future__ import annotations

import pytest

from gluon_ssd.system.wording import some_of


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
