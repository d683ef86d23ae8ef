"""No index of `gather_nd` reads outside of the array, NaN among them."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import parse_graph
from gluon_ssd.deploy.mxnet.passes.whole_indices import with_whole_indices
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.errors import ModelError

X, INDICES = mx.sym.var("x"), mx.sym.var("indices")
VALUES = np.arange(20, dtype=np.float32).reshape(5, 4)


def gathered(indices: np.ndarray) -> np.ndarray:
    graph = parse_graph(mx.sym.gather_nd(X, INDICES).tojson())
    run = CompiledGraph(graph, {}, ctx=mx.cpu(), inputs=("x", "indices"))
    return as_numpy(run(VALUES, indices)[0])


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64", "uint8"])
def test_numbers_in_range_pick_as_before(dtype):
    found = gathered(np.array([[0, 4, 2], [3, 0, 1]], dtype))
    assert found.tolist() == [3, 16, 9]


@pytest.mark.parametrize("index", [np.nan, np.inf, -np.inf, 5, -6, 3e38])
def test_others_are_one_line(index):
    with pytest.raises(ModelError, match="^the model cannot be computed .*out of bounds") as error:
        gathered(np.array([[index], [0]], np.float32))
    assert "\n" not in str(error.value)


def test_the_graph_itself_stays_as_it_is():
    graph = parse_graph(mx.sym.gather_nd(X, INDICES).tojson())
    changed = with_whole_indices(graph)
    assert [node.op for node in graph.nodes()] == ["null", "null", "gather_nd"]
    assert [node.op for node in changed.nodes()] == ["null", "null", "Cast", "gather_nd"]
    other = parse_graph((X + INDICES).tojson())
    assert with_whole_indices(other) is other
