from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import Graph, parse_graph
from gluon_ssd.deploy.mxnet.int8.quantize_graph import (
    check_layers,
    inner_nodes,
    layer_names,
    quantize_network,
    quantized_tensors,
    with_onednn,
)
from gluon_ssd.errors import ModelError

ARRAYS = {
    "first_weight": np.array([1, -1, 2, 0, 0.5, -2], np.float32).reshape(2, 3, 1, 1),
    "first_bias": np.array([0, 1], np.float32),
    "second_weight": np.array([1, 0.5, -1, 2], np.float32).reshape(2, 2, 1, 1),
    "second_bias": np.array([1, 0], np.float32),
}
IMAGE = np.array([1, 2, 3], np.float32).reshape(1, 3, 1, 1)
# first: 5, -4, after relu 5, 0; second: 6, -5.
EXPECTED = [6, -5]


def network() -> Graph:
    """Two convolutions of 1x1, the first with an activation."""
    x = mx.sym.Convolution(mx.sym.var("data"), kernel=(1, 1), num_filter=2, name="first")
    x = mx.sym.Activation(x, act_type="relu", name="act")
    return parse_graph(mx.sym.Convolution(x, kernel=(1, 1), num_filter=2, name="second").tojson())


def run(graph: Graph) -> np.ndarray:
    compiled = CompiledGraph(graph, ARRAYS, ctx=mx.cpu(), inputs=("data",))
    return compiled(IMAGE)[0].asnumpy().ravel()


def operators(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes() if node.op != "null"]


def test_calibrated_convolutions_take_in_their_activation():
    before = network()
    fused = with_onednn(before, calibrated=True)
    assert operators(fused) == ["_sg_mkldnn_conv", "_sg_mkldnn_conv"]
    first, second = fused.find("_sg_mkldnn_conv")
    operators_inside = [node["op"] for node in inner_nodes(first) if node["op"] != "null"]
    assert operators_inside == ["Convolution", "Activation"]
    assert layer_names(fused) == {"first": first.name, "second": second.name}
    assert operators(before) == ["Convolution", "Activation", "Convolution"]
    np.testing.assert_array_equal(run(fused), EXPECTED)


def test_convolutions_without_ranges_stay_alone():
    fused = with_onednn(network(), calibrated=False)
    assert "Activation" in operators(fused)
    assert sorted(layer_names(fused)) == ["first", "second"]
    np.testing.assert_array_equal(run(fused), EXPECTED)
    quantised = quantize_network(fused, None, dtype="auto")
    assert not list(quantised.find("BlockGrad"))


def test_layers_that_were_not_fused_keep_their_names():
    assert layer_names(network()) == {"first": "first", "second": "second"}
    assert inner_nodes(next(network().find("Activation"))) == []


def test_an_unknown_layer_is_named_with_those_there_are():
    check_layers(network(), [])
    check_layers(network(), ["second", "first"])
    with pytest.raises(ModelError, match=r"no layer third to keep.*; layers are first, second$"):
        check_layers(network(), ["first", "third"])
    with pytest.raises(ModelError, match="no layer third"):
        quantize_network(
            with_onednn(network(), calibrated=True), {}, dtype="auto", excluded=["third"]
        )


def thresholds(fused: Graph, excluded=()) -> dict[str, tuple[float, float]]:
    """Ranges that hold every value of the image above."""
    names = quantized_tensors(fused, dtype="auto", excluded=excluded)
    return {name: (0.0 if "act" in name or "relu" in name else -8.0, 8.0) for name in names}


def test_calibrated_layers_compute_in_8_bits_near_the_exact_values():
    fused = with_onednn(network(), calibrated=True)
    quantised = quantize_network(fused, thresholds(fused), dtype="auto")
    layers = list(quantised.find("_sg_mkldnn_conv"))
    assert len(layers) == 2 and all(layer.flag("quantized") for layer in layers)
    # One step of a range of 8 is 8 / 127 at the input and behind the first layer.
    np.testing.assert_allclose(run(quantised), EXPECTED, atol=4 * 8 / 127)


def test_excluded_layers_stay_in_float():
    fused = with_onednn(network(), calibrated=True)
    ranges = thresholds(fused, ["first"])
    assert len(ranges) < len(thresholds(fused))
    quantised = quantize_network(fused, ranges, dtype="auto", excluded=["first"])
    flags = [layer.flag("quantized") for layer in quantised.find("_sg_mkldnn_conv")]
    assert flags == [False, True]
    everything = quantize_network(fused, {}, dtype="auto", excluded=["first", "second"])
    np.testing.assert_array_equal(run(everything), EXPECTED)
