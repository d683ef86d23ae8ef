from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import Graph, parse_graph
from gluon_ssd.deploy.mxnet.halves import split_at_predictions

IMAGES = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
DATA = mx.sym.var("data")
WEIGHT = np.array([1, -1], np.float32).reshape(2, 1, 1, 1)


def predicted(name: str, shape=lambda x: mx.sym.flatten(mx.sym.transpose(x, axes=(0, 2, 3, 1)))):
    weight = mx.sym.var(f"{name}_weight", shape=(2, 1, 1, 1))
    return shape(mx.sym.Convolution(DATA, weight, kernel=(1, 1), num_filter=2, no_bias=True))


def graph_of(*symbols) -> Graph:
    return parse_graph(mx.sym.Group(list(symbols)).tojson())


def test_the_halves_one_after_the_other_are_the_whole():
    scores = mx.sym.concat(predicted("a"), predicted("b"), dim=1)
    boxes = mx.sym.concat(predicted("c"), dim=1)
    whole = graph_of(scores * 2, boxes + scores.slice_axis(axis=1, begin=0, end=32))
    halves = split_at_predictions(whole, "data")
    assert halves is not None and halves.decoding is not None
    assert halves.names == ("_predictions0", "_predictions1")
    assert sorted(halves.decoding.variables()) == ["_predictions0", "_predictions1"]
    arrays = {f"{name}_weight": WEIGHT for name in "abc"}
    network = CompiledGraph(halves.network, arrays, ctx=mx.cpu(), inputs=("data",))
    decoding = CompiledGraph(halves.decoding, {}, ctx=mx.cpu(), inputs=halves.names)
    predictions = network(IMAGES)
    # Pixel by pixel, both channels: 0, -0, 1, -1, 2, -2, ...
    level = np.stack([np.arange(16), -np.arange(16)], 1).reshape(1, 32)
    np.testing.assert_array_equal(predictions[0].asnumpy(), np.concatenate([level, level], 1))
    doubled, summed = decoding(*predictions)
    np.testing.assert_array_equal(doubled.asnumpy(), 2 * np.concatenate([level, level], 1))
    np.testing.assert_array_equal(summed.asnumpy(), 2 * level)
    assert "data" in whole.variables()  # the graph itself has not changed


def test_a_decoding_that_reads_the_images_has_no_graph_of_its_own():
    scores = mx.sym.concat(predicted("a"), dim=1)
    halves = split_at_predictions(graph_of(scores, mx.sym.shape_array(DATA)), "data")
    assert halves is not None and halves.decoding is None
    assert halves.network.variables() == ["data", "a_weight"]


@pytest.mark.parametrize(
    "shape",
    [
        mx.sym.flatten,
        lambda x: mx.sym.flatten(mx.sym.exp(mx.sym.transpose(x, axes=(0, 2, 3, 1)))),
    ],
    ids=["without transposition", "with something between"],
)
def test_other_joints_are_none(shape):
    one, other = predicted("a"), predicted("b", shape)
    assert split_at_predictions(graph_of(mx.sym.concat(one, other, dim=1)), "data") is None


def test_without_a_joint_there_are_no_halves():
    assert split_at_predictions(graph_of(predicted("a")), "data") is None


def test_changes_of_type_are_looked_through():
    joint = mx.sym.concat(mx.sym.amp_cast(predicted("a"), dtype="float32"), dim=1)
    assert split_at_predictions(graph_of(joint), "data") is not None
