"""Numbers of text files."""

from __future__ import annotations

import math

import pytest

from gluon_ssd.system.plain_number import plain_number


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), (" -1.5e3\n", -1500), (".5", 0.5), ("1e999", math.inf), ("-inf", -math.inf)],
)
def test_numbers(text, number):
    assert plain_number(text) == number


@pytest.mark.parametrize("text", ["", "x", "1_0", "\u0661", "1,5", "nan", "0x10", "1" * 65, "1 2"])
def test_what_is_none(text):
    assert math.isnan(plain_number(text))
