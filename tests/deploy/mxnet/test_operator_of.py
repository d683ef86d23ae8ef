"""Operators without a gradient are computed; what MXNet cannot make is one line."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import Graph, Node, parse_graph
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.errors import ModelError

X = mx.sym.var("x")
VALUES = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)


def computed(*symbols) -> list[np.ndarray]:
    graph = parse_graph(mx.sym.Group(list(symbols)).tojson())
    run = CompiledGraph(graph, {}, ctx=mx.cpu(), inputs=("x",))
    return [as_numpy(output) for output in run(VALUES)]


def quantised():
    return mx.sym.contrib.quantize_v2(X, out_type="int8", min_calib_range=-3.0, max_calib_range=3.0)


def added():
    q = quantised()
    ranges = {"min_calib_range": -6.0, "max_calib_range": 6.0}
    return mx.sym.contrib.quantized_elemwise_add(q[0], q[0], q[1], q[2], q[1], q[2], **ranges)


def test_8_bit_additions_are_computed():
    (found,) = computed(mx.sym.contrib.dequantize(*added()))
    np.testing.assert_allclose(found, 2 * VALUES, atol=0.05)


def test_outputs_that_nothing_takes_change_nothing():
    """The ranges are left out; only the outputs that were asked for come back."""
    (found,) = computed(mx.sym.cast(added()[0], "float32"))
    np.testing.assert_allclose(found * 6 / 127, 2 * VALUES, atol=0.05)
    active = mx.sym.contrib.quantized_act(*quantised(), act_type="relu")
    found, greatest = computed(mx.sym.cast(active[0], "float32"), active[2])
    np.testing.assert_allclose(found * 3 / 127, np.maximum(VALUES, 0), atol=0.03)
    assert greatest == pytest.approx(3)


def test_positions_of_the_greatest_and_what_they_pick_are_computed():
    best, picked = computed(
        mx.sym.argmax_channel(X), mx.sym.batch_take(X, mx.sym.cast(X, "int32").max(axis=1))
    )
    assert best.tolist() == [3, 3, 3]
    assert picked.tolist() == [VALUES[0, 0], VALUES[1, 0], VALUES[2, 2]]


def test_what_mxnet_cannot_make_is_one_line():
    none = Graph([(Node("_zeros", "nothing", {"shape": "(2, 3)"}), 0)])
    with pytest.raises(ModelError, match="^the model cannot be computed .*no inputs") as error:
        CompiledGraph(none, {}, ctx=mx.cpu(), inputs=())
    unknown = Graph([(Node("Convolution", "c", {}, [(Node("null", "x"), 0)] * 3), 0)])
    with pytest.raises(ModelError, match="^the model cannot be computed ") as other:
        CompiledGraph(unknown, {}, ctx=mx.cpu(), inputs=("x",))
    assert "\n" not in str(error.value) + str(other.value)
