"""What a search does to graphs beside the library's quantisation."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import Graph, parse_graph
from gluon_ssd.deploy.mxnet.int8.quantize_graph import (
    quantize_network,
    quantized_tensors,
    with_onednn,
)
from gluon_ssd.deploy.tuning.graph_edits import (
    bytes_per_image,
    in_bfloat16,
    on_one_grid,
    operators_by_type,
    weight_bytes,
)
from gluon_ssd.system.cpu import cpu_flags

IMAGES = np.random.default_rng(0).normal(0, 1, (2, 3, 8, 8)).astype(np.float32)


def network() -> tuple[Graph, dict[str, np.ndarray]]:
    """Two convolutions of 4 and 6 channels; the channels of the second differ 400 times in size."""
    symbol = mx.sym.Convolution(
        mx.sym.var("data"), kernel=(3, 3), pad=(1, 1), num_filter=4, name="first"
    )
    symbol = mx.sym.Activation(symbol, act_type="relu", name="relu")
    symbol = mx.sym.Convolution(symbol, kernel=(1, 1), num_filter=6, name="second")
    rng = np.random.default_rng(1)
    params = {
        "first_weight": rng.normal(0, 0.3, (4, 3, 3, 3)),
        "first_bias": rng.normal(0, 0.1, 4),
        "second_weight": rng.normal(0, 1, (6, 4, 1, 1))
        * np.logspace(0, -2.6, 6)[:, None, None, None],
        "second_bias": np.zeros(6),
    }
    return parse_graph(symbol.tojson()), {n: v.astype(np.float32) for n, v in params.items()}


def run(graph: Graph, params: dict[str, np.ndarray]) -> np.ndarray:
    compiled = CompiledGraph(graph, params, ctx=mx.cpu(), inputs=("data",))
    return compiled(IMAGES)[0].asnumpy()


def quantised() -> tuple[Graph, dict[str, np.ndarray]]:
    graph, params = network()
    fused = with_onednn(graph, calibrated=True)
    names = quantized_tensors(fused, dtype="auto")
    ranges = {name: (-6.0, 6.0) for name in names}
    return quantize_network(fused, ranges, dtype="auto"), params


def test_operators_are_found_inside_fused_nodes_too() -> None:
    fused = with_onednn(network()[0], calibrated=True)
    found = operators_by_type(fused)
    assert {"Convolution", "_sg_mkldnn_conv", "Activation"} <= set(found)
    assert len(found["Convolution"]) == 2 and len(found["Activation"]) == 1
    assert set(found["Convolution"]) <= {node.name for node in fused.nodes()}
    assert "null" not in found and list(found) == sorted(found)


def test_one_grid_holds_at_most_255_values_shared_by_all_channels() -> None:
    graph, params = quantised()
    rounded = on_one_grid(graph, params)
    for name in ("first_weight", "second_weight"):
        steps = rounded[name] / (np.abs(params[name]).max() / 127)
        assert np.allclose(steps, np.round(steps), atol=1e-4) and np.abs(steps).max() <= 127.01
        assert np.abs(rounded[name] - params[name]).max() <= np.abs(params[name]).max() / 254 * 1.01
    assert rounded["second_bias"] is params["second_bias"]


@pytest.mark.skipif("avx512bw" not in cpu_flags(), reason="oneDNN has bfloat16 with AVX512 alone")
def test_bfloat16_changes_what_is_named_and_little_of_that() -> None:
    graph, params = network()
    fused = with_onednn(graph, calibrated=True)
    name = operators_by_type(fused)["Activation"][0]
    changed = in_bfloat16(fused, {name})
    casts = [node.attrs["dtype"] for node in changed.nodes() if node.op == "amp_cast"]
    assert sorted(casts) == ["bfloat16"] * 3 + ["float32"]
    assert not any(node.op == "amp_cast" for node in fused.nodes())
    expected, found = run(fused, params), run(changed, params)
    assert found.dtype == np.float32
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert 1e-5 < error < 2e-2


def test_no_name_in_bfloat16_changes_nothing() -> None:
    graph, params = network()
    assert np.array_equal(run(in_bfloat16(graph, ()), params), run(graph, params))


def test_weights_are_counted_as_operators_hold_them() -> None:
    graph, params = network()
    plain = 4 * (4 * 27 + 4 + 6 * 4 + 6)
    assert weight_bytes(graph, params) == plain
    # A byte a weight and four for the scale of each channel; biases stay.
    assert weight_bytes(*quantised()) == (4 * 27 + 6 * 4) + 4 * (4 + 6) + 4 * (4 + 6)
    fused = with_onednn(graph, calibrated=True)
    half = in_bfloat16(fused, operators_by_type(fused)["Convolution"])
    assert weight_bytes(half, params) == plain // 2


def test_memory_of_an_image_counts_every_value_between_operators() -> None:
    graph, params = network()
    assert bytes_per_image(graph, params, (3, 8, 8)) == 4 * 64 * (4 + 4 + 6)
