import math
from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node
from gluon_ssd.deploy.mxnet.int8.layer_errors import (
    ALL_LAYERS,
    RANKING,
    _score_function,
    layer_errors,
)
from gluon_ssd.deploy.mxnet.int8.quantize import prepare_detector
from gluon_ssd.deploy.mxnet.int8.quantize_graph import layer_names, quantize_network, with_onednn
from gluon_ssd.errors import ModelError
from tests.deploy.conftest import INPUT_HW, random_images

BATCHES = [random_images(8), random_images(4, seed=1)]
FUSED = "_sg_mkldnn_conv"


@pytest.fixture(scope="module")
def prepared(zoo_prefix):
    return prepare_detector(zoo_prefix, INPUT_HW)


@pytest.fixture(scope="module")
def ranking(prepared):
    told = []
    found = layer_errors(
        prepared, BATCHES, mode="naive", num_images=6, progress=lambda *state: told.append(state)
    )
    return found, told


def int8_layers(graph):
    return [node.name for node in graph.find(FUSED) if node.flag("quantized")]


def test_every_layer_comes_once_worst_first(prepared, ranking):
    first, *layers = ranking[0]
    fused = with_onednn(prepared.network, calibrated=True)
    assert first.layer == ALL_LAYERS
    assert sorted(error.layer for error in layers) == sorted(layer_names(fused))
    noise = [error.sqnr_db for error in layers]
    assert noise == sorted(noise)
    assert first.sqnr_db < noise[0]
    assert ranking[1][-1] == (RANKING, len(layers) + 1, len(layers) + 1)


def test_one_layer_alone_is_int8_in_each_variant(prepared):
    fused = with_onednn(prepared.network, calibrated=True)
    names = layer_names(fused)
    for name in list(names)[:3] + list(names)[-3:]:
        graph = quantize_network(
            fused, None, dtype="auto", excluded=[other for other in names if other != name]
        )
        assert [found.removeprefix("quantized_") for found in int8_layers(graph)] == [names[name]]


def test_layers_kept_in_float_are_float(prepared):
    fused = with_onednn(prepared.network, calibrated=True)
    names = layer_names(fused)
    excluded = list(names)[1:3]
    graph = quantize_network(fused, None, dtype="auto", excluded=excluded)
    kept = [node for node in graph.find(FUSED) if not node.flag("quantized")]
    assert sorted(node.name for node in kept) == sorted(names[name] for name in excluded)
    assert len(int8_layers(graph)) == len(names) - 2
    for node in kept:
        # It reads floats: an image, another float layer, or what was turned back into floats.
        assert node.inputs[0][0].op in (VARIABLE, FUSED, "_contrib_dequantize")


def test_unknown_layers_are_named(prepared):
    fused = with_onednn(prepared.network, calibrated=True)
    with pytest.raises(ModelError, match="no layer conv_of_another_model to keep in float"):
        quantize_network(fused, None, dtype="auto", excluded=["conv_of_another_model"])


def rounded(value, top, levels):
    """To whole steps, as MXNet's operators do: half a step of the range is beyond the largest."""
    step = top / (levels + 0.5)
    return np.clip(np.rint(value / step), -levels, levels) * step


def test_error_of_a_head_equals_that_of_rounding_by_hand(prepared, ranking):
    """The last box layer, computed in float64 from rounded values and rounded weights."""
    fused = with_onednn(prepared.network, calibrated=True)
    name, operator = list(layer_names(fused).items())[-1]
    (node,) = [node for node in fused.find(FUSED) if node.name == operator]
    watched = Graph([node.inputs[0], *fused.heads])
    network = CompiledGraph(watched, prepared.params, ctx=mx.cpu(), inputs=("data",))
    values, _, offsets = [output.asnumpy() for output in network(np.concatenate(BATCHES))]
    weight = prepared.params[node.inputs[1][0].name]
    bias = prepared.params[node.inputs[2][0].name]
    is_signed = values.min() < 0
    seen = rounded(values[:6], np.abs(values).max(), 127 if is_signed else 255)
    tops = np.abs(weight).max(axis=(1, 2, 3), keepdims=True)
    seen_weight = rounded(weight, tops, 127)

    def convolve(x, w):
        convolution = mx.nd.Convolution(
            mx.nd.array(x),
            mx.nd.array(w),
            mx.nd.array(bias),
            kernel=w.shape[2:],
            pad=(w.shape[2] // 2, w.shape[3] // 2),
            num_filter=len(w),
        )
        return convolution.asnumpy()

    exact = convolve(values[:6], weight)
    outputs = np.abs(convolve(values, weight)).max()
    wrong = rounded(convolve(seen, seen_weight), outputs, 127)
    (found,) = [error for error in ranking[0] if error.layer == name]
    by_hand = np.abs(wrong - exact).sum() / offsets[:6].size  # other levels have no error
    assert found.offset_error == pytest.approx(by_hand, rel=0.05)
    assert math.isinf(found.class_sqnr_db) and found.score_error == 0


def test_large_predictions_are_compared_on_fewer_images(prepared, monkeypatch):
    monkeypatch.setattr("gluon_ssd.deploy.mxnet.int8.layer_errors._MOST_NUMBERS", 1)
    few = layer_errors(prepared, BATCHES, mode="naive", num_images=6)
    assert few == layer_errors(prepared, BATCHES, mode="naive", num_images=1)


def test_an_activation_within_the_scores_is_not_the_last_one(prepared):
    """Forks of example/ssd turn sigmoids into logits, and those into a softmax."""
    logits = Node(VARIABLE, "_predictions0")
    inner = Node("sigmoid", "sigmoid0", inputs=[(logits, 0)])
    last = Node(
        "softmax", "softmax0", {"axis": "-1"}, [(Node("log", "log0", inputs=[(inner, 0)]), 0)]
    )
    found = replace(prepared, decoding=Graph([(last, 0)]), names=("_predictions0", "_predictions1"))
    score, position = _score_function(found)
    values = mx.nd.array([[[0.0, 2.0]]])
    shares = 1 / (1 + np.exp(-values.asnumpy()))
    np.testing.assert_allclose(score(values)[0].asnumpy(), shares / shares.sum(), atol=1e-6)
    assert position == 0


def test_two_last_activations_do_not_show_the_scores(prepared):
    heads = [
        Node("softmax", f"softmax{k}", inputs=[(Node(VARIABLE, f"_predictions{k}"), 0)])
        for k in (0, 1)
    ]
    found = replace(
        prepared,
        prefix="unpacked/ssd",
        decoding=Graph([(head, 0) for head in heads]),
        names=("_predictions0", "_predictions1"),
    )
    with pytest.raises(ModelError, match="^ssd does not show which predictions"):
        _score_function(found)
