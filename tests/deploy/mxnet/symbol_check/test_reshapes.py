"""Axes of length 0 in front of another shape end in one line, not in a division by 0."""

from __future__ import annotations

import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import parse_graph
from gluon_ssd.deploy.mxnet.symbol_check.sizes import checked_shapes
from gluon_ssd.errors import ModelError

X = mx.sym.var("data")


def shapes_of(symbol):
    return checked_shapes(parse_graph(symbol.tojson()), {}, {"data": (1, 3, 4, 4)}, "m")


def test_an_axis_of_no_length_is_refused_before_it_divides():
    none = mx.sym.reshape(X, (-1, 40, 4), name="none")
    with pytest.raises(ModelError, match="^m: the size of none .Reshape. does not follow"):
        shapes_of(mx.sym.reshape(none, (0, -1, 4)))
    with pytest.raises(ModelError, match="^m: the size of zeros .* does not follow"):
        shapes_of(mx.sym.reshape(mx.sym.zeros((0, 3), name="zeros"), (0, -1)))


def test_shapes_one_after_the_other_are_worked_out():
    twice = mx.sym.reshape(mx.sym.reshape(X, (0, -1)), (0, 8, -1))
    assert shapes_of(twice + mx.sym.reshape(X, (0, 8, 6))) == [(1, 8, 6)]
