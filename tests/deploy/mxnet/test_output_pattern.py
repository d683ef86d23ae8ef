from __future__ import annotations

import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node, parse_graph
from gluon_ssd.deploy.mxnet.output_pattern import (
    BOX_NMS,
    Unrecognised,
    expect,
    kept_rows,
    sliced,
)

ENDS = ((0, 1), (1, 2), (2, 6))


def suppressed(**changes):
    layout = {"id_index": 0, "score_index": 1, "coord_start": 2}
    return mx.sym.contrib.box_nms(mx.sym.var("rows"), **layout | changes)


def columns(rows, ends=ENDS) -> Graph:
    heads = [mx.sym.slice_axis(rows, axis=-1, begin=b, end=e) for b, e in ends]
    return parse_graph(mx.sym.Group(heads).tojson())


def test_a_condition_that_does_not_hold_is_the_message():
    expect(True, "nothing")
    with pytest.raises(Unrecognised, match="^the reason$"):
        expect(False, "the reason")


@pytest.mark.parametrize(
    ("attrs", "ends"),
    [
        ({"axis": "2", "begin": "1", "end": "3"}, (1, 3)),
        ({"axis": "-1", "begin": "1", "end": "None"}, (1, None)),
        ({"axis": "2"}, (0, None)),
    ],
)
def test_a_slice_has_a_begin_and_an_end(attrs, ends):
    source = Node(VARIABLE, "x")
    node = Node("slice_axis", "s", attrs, [(source, 0)])
    assert sliced(node, 2) == ((source, 0), *ends)


def test_what_is_no_slice_along_that_axis_is_refused():
    source = Node(VARIABLE, "x")
    with pytest.raises(Unrecognised, match="a slice along another axis"):
        sliced(Node("slice_axis", "s", {"axis": "1"}, [(source, 0)]), 2)
    with pytest.raises(Unrecognised, match="found exp, not a slice"):
        sliced(Node("exp", "e", {}, [(source, 0)]), 2)


def test_all_rows_or_the_first_ones_are_kept():
    node, count = kept_rows(columns(suppressed()))
    assert (node.op, count) == (BOX_NMS, -1)
    first = mx.sym.slice_axis(suppressed(), axis=1, begin=0, end=7)
    node, count = kept_rows(columns(first))
    assert (node.op, count) == (BOX_NMS, 7)


def rows_of(begin, end):
    return columns(mx.sym.slice_axis(suppressed(), axis=1, begin=begin, end=end))


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (lambda: columns(suppressed(), ends=ENDS[:2]), "the heads are not ids, scores and boxes"),
        (lambda: columns(suppressed(), ends=((1, 2), (0, 1), (2, 6))), "the heads are not ids"),
        (lambda: rows_of(1, 8), "the kept rows are not the first ones"),
        (lambda: rows_of(0, -1), "the kept rows are not the first ones"),
        (lambda: rows_of(0, None), "the kept rows are not the first ones"),
        (lambda: columns(mx.sym.exp(suppressed())), "the rows come from exp"),
        (lambda: columns(suppressed(id_index=-1)), "has another id_index"),
        (lambda: columns(suppressed(coord_start=3)), "has another coord_start"),
        (lambda: columns(suppressed(background_id=0)), "a background class is named"),
    ],
)
def test_other_outputs_are_refused(graph, reason):
    with pytest.raises(Unrecognised, match=reason):
        kept_rows(graph())


def test_heads_of_two_nodes_are_refused():
    one, other = columns(suppressed()), columns(suppressed())
    with pytest.raises(Unrecognised, match="the heads come from several nodes"):
        kept_rows(Graph([*one.heads[:2], other.heads[2]]))
