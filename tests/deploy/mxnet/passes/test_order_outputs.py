from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import Graph, parse_graph
from gluon_ssd.deploy.mxnet.passes.order_outputs import order_outputs

ENDS = {"ids": (0, 1), "scores": (1, 2), "bboxes": (2, 6)}
ROWS = np.random.default_rng(0).uniform(0, 1, (1, 9, 6)).astype(np.float32)


def kept():
    options = {"id_index": 0, "score_index": 1, "coord_start": 2, "topk": 5}
    return mx.sym.contrib.box_nms(mx.sym.var("rows") + 0, **options)


def column(rows, kind, name=None):
    begin, end = ENDS[kind]
    return mx.sym.slice_axis(rows, axis=2, begin=begin, end=end, name=name)


def outputs_of(graph):
    return [
        o.asnumpy()
        for o in CompiledGraph(graph, {}, ctx=mx.cpu(), inputs=("rows",))(mx.nd.array(ROWS))
    ]


@pytest.mark.parametrize(
    "order",
    [
        ["scores", "ids", "bboxes"],
        ["bboxes", "ids", "scores"],
        ["bboxes", "more", "scores", "ids"],
        ["rows"],
    ],
    ids="-".join,
)
def test_outputs_in_another_order_are_put_right(order):
    rows = kept()
    others = {"more": mx.sym.exp(rows), "rows": rows}
    heads = [
        others[o] if o in others else column(rows, o, f"output_{n}") for n, o in enumerate(order)
    ]
    graph = parse_graph(mx.sym.Group(heads).tojson())
    assert order_outputs(graph)
    usual = parse_graph(mx.sym.Group([column(rows, kind) for kind in ENDS]).tojson())
    for found, expected in zip(outputs_of(graph), outputs_of(usual), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_outputs_in_order_stay():
    rows = kept()
    graph = parse_graph(mx.sym.Group([column(rows, kind) for kind in ENDS]).tojson())
    heads = list(graph.heads)
    assert not order_outputs(graph)
    assert graph.heads == heads


def test_columns_of_two_tables_or_of_none_stay():
    graphs = [
        parse_graph(mx.sym.Group([column(kept(), "scores"), column(kept(), "ids")]).tojson()),
        parse_graph(mx.sym.exp(mx.sym.var("rows")).tojson()),
    ]
    one, other = (parse_graph(column(kept(), kind).tojson()) for kind in ("scores", "ids"))
    boxes = parse_graph(column(kept(), "bboxes").tojson())
    graphs.append(Graph([*one.heads, *other.heads, *boxes.heads]))
    for graph in graphs:
        heads = list(graph.heads)
        assert not order_outputs(graph)
        assert graph.heads == heads
