from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import parse_graph
from gluon_ssd.deploy.mxnet.same_graph import match_graph

x, y, table = (mx.sym.var(name) for name in ("x", "y", "table"))
ONES = {"table": np.ones(3)}


def match(pattern, found, stored=None, found_stored=None):
    graphs = (parse_graph(symbol.tojson()) for symbol in (pattern, found))
    return match_graph(*graphs, (stored or {}).get, (found_stored or {}).get)


def test_open_variables_stand_for_any_output():
    bound = match(mx.sym.exp(x * y), mx.sym.exp(mx.sym.sin(x) * mx.sym.cos(x)))
    assert {name: node.op for name, (node, _) in bound.items()} == {"x": "sin", "y": "cos"}


def test_an_open_variable_stands_for_one_output_alone():
    pattern = x * mx.sym.exp(x)
    assert match(pattern, y * mx.sym.exp(y)) is not None
    assert match(pattern, y * mx.sym.exp(table)) is None


def test_what_is_shared_must_be_shared():
    once = mx.sym.exp(x)
    assert match(once + mx.sym.sin(once), once + mx.sym.sin(once)) is not None
    assert match(once + mx.sym.sin(once), once + mx.sym.sin(mx.sym.exp(x))) is None


@pytest.mark.parametrize(
    ("pattern", "found", "same"),
    [
        (mx.sym.clip(x, 0, 1), mx.sym.clip(x, 0, 1.0), True),
        (mx.sym.clip(x, 0, 1), mx.sym.clip(x, 0, 2), False),
        (mx.sym.exp(x), mx.sym.sin(x), False),
        (mx.sym.concat(x, y, dim=1), mx.sym.concat(x, y, table, dim=1), False),
        (mx.sym.reshape(x, (0, -1)), mx.sym.reshape(x, (0, -1, 4)), False),
        (mx.sym.split(x, 2)[0], mx.sym.split(x, 2)[1], False),
        (mx.sym.Group([x, y]), x, False),
    ],
)
def test_operators_settings_and_inputs_count(pattern, found, same):
    assert (match(pattern, found) is not None) is same


def test_arrays_count_by_their_values():
    pattern = mx.sym.broadcast_mul(x, table)
    found = mx.sym.broadcast_mul(x, mx.sym.var("other"))
    assert match(pattern, found, ONES, {"other": np.ones(3)}) is not None
    assert match(pattern, found, ONES, {"other": np.ones(4)}) is None
    assert match(pattern, found, ONES, {"other": 2 * np.ones(3)}) is None
    assert match(pattern, found, ONES) is None
    assert match(pattern, mx.sym.broadcast_mul(x, mx.sym.exp(y)), ONES) is None
