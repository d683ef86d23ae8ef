"""Whole numbers enter no operator that could divide by them; nothing of training is computed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.symbol_check.check import read_graph
from gluon_ssd.deploy.mxnet.symbol_check.table import OPERATORS
from gluon_ssd.deploy.mxnet.symbol_check.types import WITH_WHOLE_NUMBERS, check_types
from gluon_ssd.errors import ModelError

X = mx.sym.var("data")
WHOLE = mx.sym.cast(X, "int32", name="whole")


def check(symbol, **arrays) -> None:
    graph = read_graph(symbol.tojson(), "m")
    check_types(graph, arrays, ("data",), "m")


def filled(value: int, dtype: str = "int32"):
    """`value` everywhere."""
    return mx.sym.full((4, 4), value, dtype=dtype)


# Each ended the process by SIGFPE.
DIVISIONS = {
    "div0": lambda: mx.sym.broadcast_div(filled(0), filled(0)),
    "elediv0": lambda: mx.sym.elemwise_div(filled(-(2**31)), filled(-1)),
    "divs_i8": lambda: filled(0, "int8") / 256,
    "divs_i64": lambda: filled(-(2**63), "int64") / -1,
    "divdata": lambda: mx.sym.broadcast_div(WHOLE, WHOLE * 0),
    "mod0": lambda: mx.sym.broadcast_mod(filled(0), filled(0)),
    "mods": lambda: filled(0) % 0.3,
    "rmod": lambda: 5 % filled(0),
    "rdiv_i": lambda: 5 / filled(0, "int64"),
    "divs_u8": lambda: filled(1, "uint8") / 256,
    "rcp_i": lambda: mx.sym.reciprocal(filled(0)),
    "mean_i8": lambda: mx.sym.mean(mx.sym.ones((16, 16), dtype="int8")),
}


@pytest.mark.parametrize("name", DIVISIONS)
def test_divisions_of_whole_numbers_are_one_line(name):
    with pytest.raises(ModelError, match=r"^m: .* takes whole numbers \(u?int\d+\) of ") as error:
        check(DIVISIONS[name]())
    assert "\n" not in str(error.value)


def test_an_array_of_whole_numbers_counts_too():
    symbol = mx.sym.broadcast_div(X, mx.sym.cast(mx.sym.var("w") + 0, "float32"))
    check(symbol, w=np.zeros(1, np.int32))
    with pytest.raises(ModelError, match=r"whole numbers \(int32\) of w"):
        check(mx.sym.broadcast_div(WHOLE, mx.sym.var("w")), w=np.zeros(1, np.int32))


@pytest.mark.parametrize(
    "symbol",
    [
        X / 3,
        3 / X,
        mx.sym.mean(X),
        WHOLE / 20,  # the row of a number, as GluonCV's decoder finds it
        WHOLE % 20,
        mx.sym.take(X, WHOLE + 1),
        mx.sym.cast(mx.sym.topk(X, dtype="int32"), "float32") / 3,
    ],
    ids=str,
)
def test_what_cannot_trap_is_read(symbol):
    check(symbol)


def test_types_that_do_not_fit_are_one_line():
    with pytest.raises(ModelError, match="^m: its types do not fit one another ") as error:
        check(mx.sym.exp(mx.sym.elemwise_add(filled(0), filled(0, "float32"))))
    assert "\n" not in str(error.value)


def test_targets_of_training_are_refused_where_they_would_be_computed():
    boxes, labels, scores = (mx.sym.ones(s) for s in ((1, 4, 4), (1, 2, 5), (1, 3, 4)))
    targets = mx.sym.contrib.MultiBoxTarget(boxes, labels, scores, name="targets")
    with pytest.raises(ModelError, match=r"^m: targets .* is computed in training only"):
        check(targets)


def test_encoding_of_boxes_is_none_of_a_detector_s_operators():
    """Written as text, because GluonCV's export_block takes box_encode out of mx.sym.contrib."""
    one, boxes, four = mx.sym.ones((1, 10)), mx.sym.ones((1, 10, 4)), mx.sym.ones(4)
    several = mx.sym.add_n(one, one * 5000, boxes, boxes, four, four).tojson()
    text = several.replace('"add_n"', '"_contrib_box_encode"')
    assert text != several
    with pytest.raises(ModelError, match="operator _contrib_box_encode is not allowed"):
        read_graph(text, "m")


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("length", [101, 110, -5])
def test_softmax_takes_no_lengths(name, length):
    """MXNet writes behind the array where one is above the axis."""
    lengths = mx.sym.full((10,), length, dtype="int32")
    symbol = mx.sym.softmax(mx.sym.ones((10, 100)), lengths, axis=1, use_length=True)
    text = json.dumps(json.loads(symbol.tojson())).replace('"softmax"', f'"{name}"')
    with pytest.raises(ModelError, match="use_length must be one of False"):
        read_graph(text, "m")


def test_the_names_are_those_of_the_table():
    assert set(OPERATORS) >= WITH_WHOLE_NUMBERS
