from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.compiled_suppression import (
    PendingOutput,
    compile_detector,
    cut_suppression,
)
from gluon_ssd.deploy.mxnet.graph import parse_graph


def detector_end(*, first: int | None = 10, **changes):
    """Rows in, three outputs, as GluonCV's networks end."""
    options = {"overlap_thresh": 0.45, "topk": 40, "valid_thresh": 0.01, "id_index": 0}
    options |= {"score_index": 1, "coord_start": 2, "force_suppress": False}
    rows = mx.sym.contrib.box_nms(mx.sym.var("rows") + 0, **(options | changes))
    if first is not None:
        rows = mx.sym.slice_axis(rows, axis=1, begin=0, end=first)
    columns = [(0, 1), (1, 2), (2, 6)]
    outputs = [mx.sym.slice_axis(rows, axis=2, begin=begin, end=end) for begin, end in columns]
    return parse_graph(mx.sym.Group(outputs).tojson())


def random_rows(batch: int):
    rng = np.random.default_rng(3)
    corners = rng.uniform(0, 100, (batch, 60, 2))
    ends = corners + rng.uniform(20, 60, (batch, 60, 2))
    labels, scores = rng.integers(0, 3, (batch, 60, 1)), rng.uniform(0, 1, (batch, 60, 1))
    return mx.nd.array(np.concatenate([labels, scores, corners, ends], axis=2))


@pytest.mark.parametrize("first", [10, None])
@pytest.mark.parametrize("topk", [40, -1])
@pytest.mark.parametrize("across", [False, True])
def test_outputs_are_those_of_the_whole_graph(first, topk, across):
    graph = detector_end(first=first, topk=topk, force_suppress=across)
    rows = random_rows(3)
    options = {"ctx": mx.cpu(), "inputs": ("rows",)}
    expected = CompiledGraph(graph, {}, **options)(rows)
    found = compile_detector(graph, {}, **options)(rows)
    assert all(isinstance(output, PendingOutput) for output in found)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.asnumpy(), theirs.asnumpy())


def test_each_reader_gets_an_array_of_its_own():
    call = compile_detector(detector_end(), {}, ctx=mx.cpu(), inputs=("rows",))
    ids, _, boxes = call(random_rows(1))
    ids.wait_to_read()
    first = boxes.asnumpy()
    first[:] = 0
    assert boxes.asnumpy().any()


def test_a_batch_can_be_pushed_before_the_one_before_is_read():
    call = compile_detector(detector_end(), {}, ctx=mx.cpu(), inputs=("rows",))
    batches = [random_rows(2), random_rows(2) * 0.5]
    pushed = [call(batch) for batch in batches]
    for batch, outputs in zip(batches, pushed, strict=True):
        again = call(batch)
        for one, other in zip(outputs, again, strict=True):
            np.testing.assert_array_equal(one.asnumpy(), other.asnumpy())


@pytest.mark.parametrize(
    "changes",
    [
        {"background_id": 0},
        {"score_index": 2, "id_index": 1},
        {"in_format": "center"},
        {"out_format": "center"},
        {"topk": 0},
    ],
    ids=lambda changes: " ".join(f"{key} {value}" for key, value in changes.items()),
)
def test_another_suppression_stays_in_the_graph(changes):
    graph = detector_end(**changes)
    assert cut_suppression(graph) is None
    call = compile_detector(graph, {}, ctx=mx.cpu(), inputs=("rows",))
    assert isinstance(call, CompiledGraph)


def test_rows_that_are_not_the_first_ones_stay_in_the_graph():
    assert cut_suppression(detector_end(first=-5)) is None


def test_graphs_without_suppression_are_compiled_as_they_are():
    graph = parse_graph(mx.sym.exp(mx.sym.var("rows")).tojson())
    assert cut_suppression(graph) is None
