from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import Graph, parse_graph
from gluon_ssd.deploy.mxnet.passes.join_levels import join_levels

SHAPES = {"a": (2, 4, 5, 6), "b": (2, 2, 3, 6)}


def joined(shape=(0, -1, 3), flatten=mx.sym.flatten, dim=1):
    levels = [flatten(mx.sym.var(name)) for name in SHAPES]
    return mx.sym.concat(*levels, dim=dim), shape


def graph_of(*symbols) -> Graph:
    return parse_graph(mx.sym.Group(list(symbols)).tojson())


def run(graph: Graph):
    rng = np.random.default_rng(0)
    values = {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in SHAPES.items()}
    return [o.asnumpy() for o in CompiledGraph(graph, values, ctx=mx.cpu(), inputs=())()]


def test_levels_are_joined_as_rows_with_the_same_values():
    joint, shape = joined()
    before = graph_of(mx.sym.reshape(joint, shape=shape))
    after = before.copy()
    assert join_levels(after, {}, SHAPES) == 1
    assert not list(after.find("Flatten"))
    assert after.heads[0][0].op == "Concat"
    np.testing.assert_array_equal(run(after)[0], run(before)[0])
    assert run(after)[0].shape == (2, 52, 3)


@pytest.mark.parametrize("shape", [(0, -1), (2, -1, 3), (0, -1, 1, 3), (0, -2, 3), (0, 52, 3)])
def test_other_shapes_stay(shape):
    joint, _ = joined()
    if shape == (0, -2, 3):
        joint = mx.sym.expand_dims(joint, 2)
    graph = graph_of(mx.sym.reshape(joint, shape=shape))
    assert join_levels(graph, {}, SHAPES) == 0


def test_rows_across_levels_stay():
    joint, _ = joined(shape=(0, -1, 13))
    graph = graph_of(mx.sym.reshape(joint, shape=(0, -1, 13)))  # 156 = 12 * 13, 120 is not
    before = run(graph)[0]
    assert join_levels(graph, {}, SHAPES) == 0
    np.testing.assert_array_equal(run(graph)[0], before)


def test_one_level_of_whole_rows_is_not_enough():
    names = ("a", "b", "b")  # 120 = 15 * 8, and 36 = 4.5 * 8
    joint = mx.sym.concat(*(mx.sym.flatten(mx.sym.var(name)) for name in names), dim=1)
    graph = graph_of(mx.sym.reshape(joint, shape=(0, -1, 8)))
    assert join_levels(graph, {}, SHAPES) == 0


def test_one_flattened_level_is_not_enough():
    flat = mx.sym.flatten(mx.sym.var("a"))
    other = mx.sym.reshape(mx.sym.var("b"), shape=(0, -1))
    graph = graph_of(mx.sym.reshape(mx.sym.concat(flat, other, dim=1), shape=(0, -1, 3)))
    assert join_levels(graph, {}, SHAPES) == 0


def test_a_joint_that_something_else_reads_stays():
    joint, shape = joined()
    graph = graph_of(mx.sym.reshape(joint, shape=shape), joint)
    assert join_levels(graph, {}, SHAPES) == 0
    graph = graph_of(mx.sym.reshape(joint, shape=shape), mx.sym.exp(joint))
    assert join_levels(graph, {}, SHAPES) == 0


def test_what_is_not_flattened_stays():
    joint, shape = joined(flatten=lambda level: mx.sym.reshape(level, shape=(0, -1)))
    graph = graph_of(mx.sym.reshape(joint, shape=shape))
    assert join_levels(graph, {}, SHAPES) == 0
