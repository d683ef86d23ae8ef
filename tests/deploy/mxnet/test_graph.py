from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import (
    VARIABLE,
    Graph,
    Node,
    format_graph,
    parse_graph,
    splice,
    to_symbol,
)
from gluon_ssd.deploy.mxnet.passes.fold_constants import fold_constants


def graph_of(symbol) -> Graph:
    return parse_graph(symbol.tojson())


def evaluate(graph, **arrays):
    values = {name: np.asarray(value, np.float32) for name, value in arrays.items()}
    outputs = CompiledGraph(graph, values, ctx=mx.cpu(), inputs=())()
    return [output.asnumpy() for output in outputs]


def test_round_trip_keeps_operators_attributes_and_heads():
    x = mx.sym.var("x", shape=(1, 2))
    pieces = mx.sym.split(x, num_outputs=2, axis=1, name="pieces")
    symbol = mx.sym.Group([pieces[1] * 3, pieces[0]])
    graph = graph_of(symbol)
    again = parse_graph(format_graph(graph))
    assert [node.op for node in again.nodes()] == [VARIABLE, "SliceChannel", "_mul_scalar"]
    assert again.nodes()[0].attrs == {"__shape__": "(1, 2)"}
    assert [index for _, index in again.heads] == [0, 0]
    assert to_symbol(again).list_arguments() == ["x"]
    assert [v.tolist() for v in evaluate(again, x=[[1, 2]])] == [[[6.0]], [[1.0]]]
    assert json.loads(format_graph(graph))["attrs"]["mxnet_version"] == ["int", 10901]


def test_nodes_come_before_their_users_and_unused_ones_are_left_out():
    x = mx.sym.var("x")
    graph = graph_of(mx.sym.Group([mx.sym.exp(x, name="a"), mx.sym.exp(x, name="b")]))
    assert [node.name for node in graph.nodes()] == ["x", "a", "b"]
    graph.heads = graph.heads[1:]
    assert [node.name for node in graph.nodes()] == ["x", "b"]
    assert graph.variables() == ["x"]


def test_replace_reaches_users_and_heads():
    x = mx.sym.var("x")
    doubled = mx.sym.identity(x, name="middle")
    graph = graph_of(mx.sym.Group([doubled, doubled + 1]))
    (middle,) = graph.find("_copy")
    graph.replace((middle, 0), (Node("negative", "minus", {}, list(middle.inputs)), 0))
    assert [v.tolist() for v in evaluate(graph, x=[5])] == [[-5.0], [-4.0]]


def test_users_name_the_position():
    a, b = mx.sym.var("a"), mx.sym.var("b")
    graph = graph_of(mx.sym.broadcast_sub(a, b, name="minus"))
    left, right, minus = graph.nodes()
    assert graph.users()[id(left)] == [(minus, 0)]
    assert graph.users()[id(right)] == [(minus, 1)]
    assert graph.is_head(minus) and not graph.is_head(left)


def test_splice_hangs_new_operators_on_a_graph_under_free_names():
    graph = graph_of(mx.sym.exp(mx.sym.var("x"), name="plus0"))
    (x, _), head = graph.nodes(), graph.heads[0]
    graph.heads = splice(
        graph, lambda a, b: [mx.sym.broadcast_add(a, b, name="plus0")], [(x, 0), head]
    )
    assert len({node.name for node in graph.nodes()}) == len(graph.nodes())
    np.testing.assert_allclose(evaluate(graph, x=[1])[0], [1 + np.e], rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("(2, 3)", (2, 3)), ("[2,3]", (2, 3)), ("(4,)", (4,)), ("4", (4,)), ("", (9,))],
)
def test_numbers_are_read_in_every_spelling(text, expected):
    assert Node("op", "n", {"k": text}).numbers("k", (9,)) == expected


@pytest.mark.parametrize(("text", "expected"), [("True", True), ("1", True), ("False", False)])
def test_flags_are_read_in_every_spelling(text, expected):
    assert Node("op", "n", {"k": text}).flag("k") is expected


def test_mxnet_is_given_no_attribute_of_the_graph_but_its_version():
    graph = graph_of(mx.sym.var("x") * 2)
    graph.extra = {"attrs": {"mxnet_version": ["int", 10700], "other": ["no type", 0]}}
    assert "no type" in format_graph(graph)
    assert json.loads(to_symbol(graph).tojson())["attrs"] == {"mxnet_version": ["int", 10901]}


def test_constants_are_computed_once_and_crops_become_fixed():
    data, grid = mx.sym.var("data"), mx.sym.var("grid")
    feature = mx.sym.Pooling(data, kernel=(2, 2), stride=(2, 2), pool_type="max")
    anchors = mx.sym.slice_like(grid, feature * 0, axes=(2, 3)).reshape((1, -1)) * 2
    graph = graph_of(mx.sym.broadcast_add(mx.sym.Flatten(feature), anchors, name="sum"))
    params = {"grid": np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)}
    image = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    before = CompiledGraph(graph, params, ctx=mx.cpu(), inputs=("data",))(image)[0].asnumpy()
    fold_constants(graph, params, {"data": (1, 1, 4, 4)})
    assert [node.op for node in graph.nodes() if node.op != VARIABLE] == [
        "Pooling", "Flatten", "broadcast_add",
    ]  # fmt: skip
    (name,) = set(graph.variables()) - {"data"}
    assert params[name].tolist() == [[0, 2, 8, 10]]
    compiled = CompiledGraph(graph, params, ctx=mx.cpu(), inputs=("data",))
    np.testing.assert_array_equal(compiled(image)[0].asnumpy(), before)
    # Any batch length still works.
    np.testing.assert_array_equal(
        compiled(np.repeat(image, 3, 0))[0].asnumpy(), before.repeat(3, 0)
    )


def test_compiled_outputs_are_fresh_at_every_call():
    graph = graph_of(mx.sym.var("data") * 2)
    compiled = CompiledGraph(graph, {}, ctx=mx.cpu(), inputs=("data",))
    first = compiled(np.full((2, 3), 1, np.float32))[0]
    second = compiled(np.full((2, 3), 5, np.float32))[0]
    third = compiled(np.full((1, 3), 7, np.float32))[0]
    assert (first.asnumpy() == 2).all() and (second.asnumpy() == 10).all()
    assert third.shape == (1, 3) and (third.asnumpy() == 14).all()
