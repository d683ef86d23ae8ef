"""What several commands ask for, and how its text is read."""

from __future__ import annotations

import pytest

from gluon_ssd.data.images import MAX_PIXELS
from gluon_ssd.errors import OptionError
from gluon_ssd.options.shared import (
    DataOptions,
    means_no_weights,
    whole_numbers,
    words,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ()), (" , ", ()), ("b, a,b ,c d", ("b", "a", "c d"))],
)
def test_words_stand_between_commas_each_once(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("", ()), ("3", (3,)), ("2, 0,2,", (2, 0, 2)), ("007", (7,))]
)
def test_whole_numbers_keep_order_and_repetitions(text, expected):
    assert whole_numbers(text, "--gpus") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "^--gpus must be whole numbers with commas between; got 'a'$"),
        ("1.5", "^--gpus must be whole numbers"),
        ("1 2", "^--gpus must be whole numbers"),
        ("1,²", "^--gpus must be whole numbers"),
        (f"1,{'9' * 30}", r"^--gpus must hold numbers below 2\*\*63; got '1,9+'$"),
        ("1,-2", "^--gpus must not hold negative numbers; got '1,-2'$"),
    ],
)
def test_other_text_is_no_number(text, message):
    with pytest.raises(OptionError, match=message):
        whole_numbers(text, "--gpus")


@pytest.mark.parametrize("text", ["false", "False", "0", "no", "F"])
def test_words_for_no_weights(text):
    assert means_no_weights(text)


@pytest.mark.parametrize("text", ["", "true", "1", "false.params", "none", "off"])
def test_anything_else_names_weights(text):
    assert not means_no_weights(text)


def test_the_usual_limit_of_pixels_is_that_of_the_reader():
    assert DataOptions().max_pixels == MAX_PIXELS
