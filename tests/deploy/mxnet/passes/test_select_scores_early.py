from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import Graph, parse_graph
from gluon_ssd.deploy.mxnet.passes.select_scores_early import select_scores_early

X = np.random.default_rng(0).normal(0, 3, (2, 5, 9)).astype(np.float32)
COLUMNS = np.array([7, 0, 3], np.float32)


def scores(activate=mx.sym.sigmoid):
    return activate(mx.sym.var("x"))


def take(symbol):
    return mx.sym.take(symbol, mx.sym.var("columns"), axis=2)


def cut(symbol):
    return mx.sym.slice_axis(symbol, axis=2, begin=1, end=None)


def graph_of(*symbols) -> Graph:
    return parse_graph(mx.sym.Group(list(symbols)).tojson())


def run(graph: Graph):
    arrays = {"x": X, "columns": COLUMNS}
    return [o.asnumpy() for o in CompiledGraph(graph, arrays, ctx=mx.cpu(), inputs=())()]


@pytest.mark.parametrize(
    ("choose", "moved"),
    [(take, 1), (cut, 1), (lambda s: take(cut(s)), 2)],
    ids=["some columns", "all but the first", "both"],
)
def test_the_choice_comes_first_and_every_bit_stays(choose, moved):
    graph = graph_of(choose(scores()) + 1)
    before = run(graph)[0]
    assert select_scores_early(graph) == moved
    (activation,) = graph.find("sigmoid")
    assert graph.users()[id(activation)][0][0].op == "_plus_scalar"
    np.testing.assert_array_equal(run(graph)[0], before)


def test_the_choice_may_be_an_output():
    graph = graph_of(take(scores()))
    before = run(graph)[0]
    assert select_scores_early(graph) == 1
    assert graph.heads[0][0].op == "sigmoid"
    np.testing.assert_array_equal(run(graph)[0], before)


@pytest.mark.parametrize(
    "symbols",
    [
        lambda: [take(scores(lambda x: mx.sym.softmax(x, axis=-1)))],
        lambda: [mx.sym.exp(scores())],
        lambda: [mx.sym.take(mx.sym.var("x"), scores(), axis=2)],
        lambda: [mx.sym.slice_axis(scores(), axis=1, begin=1, end=3)],
    ],
    ids=["softmax", "no choice", "the scores choose", "a choice of anchors"],
)
def test_anything_else_stays(symbols):
    graph = graph_of(*symbols())
    before = run(graph)
    assert select_scores_early(graph) == 0
    for one, other in zip(run(graph), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_activation_that_two_read_stays():
    shared = scores()
    assert select_scores_early(graph_of(take(shared), mx.sym.exp(shared))) == 0
    assert select_scores_early(graph_of(take(shared), shared)) == 0
