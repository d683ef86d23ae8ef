"""JSON of strangers ends in a value or in one line."""

import pytest

from gluon_ssd.errors import DataError, WeightsError
from gluon_ssd.system.json_text import parse_json


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "nested too deep"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deep"),
        ("[1" + "0" * 5000 + "]", "an integer of 5001 digits, allowed are 40"),
        ('{"a": "\\ud800"}', "half a character"),
        ('{"a": 1,\n "b"}', "at line 2"),
        (b'{"a": "\xff"}', "not UTF-8 text (byte 7)"),
        ("", "not valid JSON"),
    ],
)
def test_what_cannot_be_used_is_one_line_with_the_file(text: str | bytes, said: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_json(text, "some.json")
    assert "some.json" in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_error_is_of_the_type_asked_for() -> None:
    with pytest.raises(WeightsError, match="export it anew"):
        parse_json("{", "a", error=WeightsError, advice="export it anew")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('\ufeff{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('\ufeff{"a": 1}'.encode("utf-16-le"), {"a": 1}),
        ('"\\ud83d\\udc31"', "\U0001f431"),
        ("9" * 40, int("9" * 40)),
        ("-1.5e3", -1500.0),
    ],
)
def test_sound_values_are_read(text: str | bytes, value: object) -> None:
    assert parse_json(text, "a") == value
