"""What each type of attribute takes, and what it refuses."""

from __future__ import annotations

import pytest

from gluon_ssd.deploy.mxnet.symbol_check.kinds import Flag, Integer, Number, Text, Tuple, Word

SMALL = Integer(-1, 8)
TAKEN = [
    (SMALL, "8", 8),
    (SMALL, "-1", -1),
    (SMALL, "3L", 3),
    (Integer(0, 8, none=True), "None", None),
    (Number(0, 1), "1e-05", 1e-5),
    (Number(), "-.5", -0.5),
    (Number(none=True), "None", None),
    (Flag(), "True", True),
    (Flag(), "0", False),
    (Flag(none=True), "None", None),
    (Word(("int8", "None")), "None", "None"),
    (Text(r"|cpu\(\d\)", "a device"), "cpu(0)", "cpu(0)"),
    (Tuple(SMALL), "(3, 4)", (3, 4)),
    (Tuple(SMALL), "[3,4]", (3, 4)),
    (Tuple(SMALL), "(3L,)", (3,)),
    (Tuple(SMALL), "()", ()),
    (Tuple(SMALL), "3", (3,)),
    (Tuple(Integer(0, 8, none=True)), "(None, 1)", (None, 1)),
    (Tuple(SMALL, none=True), "None", None),
]
REFUSED = [
    *[(SMALL, text) for text in ("", "9", "-2", "1.0", "0x1", "1e1", "None", "True", " 1", "1\n")],
    (SMALL, "9" * 5000),
    (SMALL, "\u0661"),
    *[(Number(0, 1), text) for text in ("", "1.5", "nan", "inf", "1e999", "1_0", "None", "1e")],
    (Number(), "9" * 41),
    *[(Flag(), text) for text in ("", "yes", "None", "2", "TRUE")],
    (Word(("int8",)), "int16"),
    (Text(r"|cpu\(\d\)", "a device"), "cpu(10)"),
    *[(Tuple(SMALL), text) for text in ("", "(9,)", "(1, 2", "(1,,2)", "None", "((1), 2)")],
    (Tuple(SMALL, most=2), "(1, 2, 3)"),
]


@pytest.mark.parametrize(("kind", "text", "value"), TAKEN)
def test_texts_of_mxnet_are_taken(kind, text, value):
    assert kind.read(text) == value


@pytest.mark.parametrize(("kind", "text"), REFUSED)
def test_other_texts_are_refused(kind, text):
    with pytest.raises(ValueError):
        kind.read(text)


def test_messages_say_what_is_allowed():
    assert Integer(0, 8, none=True).allowed == "a whole number from 0 to 8 or None"
    assert Number(0, 1).allowed == "a number from 0 to 1"
    assert Flag().allowed == "True or False"
    assert Word(("", "a")).allowed == "one of '', a"
    assert Tuple(SMALL, most=2).allowed == "a tuple of at most 2, each a whole number from -1 to 8"
