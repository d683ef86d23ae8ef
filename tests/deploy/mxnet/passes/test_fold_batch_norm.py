from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Params, parse_graph
from gluon_ssd.deploy.mxnet.passes.fold_batch_norm import fold_batch_norm


def fuse(graph: Graph, params: Params) -> Params:
    """The arrays of the changed graph."""
    params = dict(params)
    fold_batch_norm(graph, params)
    return {name: params[name] for name in graph.variables() if name in params}


def outputs(graph, params, image):
    compiled = CompiledGraph(graph, params, ctx=mx.cpu(), inputs=("data",))
    return [output.asnumpy() for output in compiled(image)]


def random_params(symbol, shape, seed=3):
    rng = np.random.default_rng(seed)
    arguments, _, statistics = symbol.infer_shape(data=shape)
    names = symbol.list_arguments() + symbol.list_auxiliary_states()
    return {
        name: rng.uniform(0.3, 2, size).astype(np.float32)
        if name.endswith(("var", "gamma"))
        else rng.normal(0, 1, size).astype(np.float32)
        for name, size in zip(names, [*arguments, *statistics], strict=True)
        if name != "data"
    }


def check_fused(symbol, shape=(2, 3, 9, 11)):
    """Fuse, compare outputs, and return the operators that are left."""
    graph = parse_graph(symbol.tojson())
    params = random_params(symbol, shape)
    kept = {name: value.copy() for name, value in params.items()}
    image = np.random.default_rng(5).normal(0, 1, shape).astype(np.float32)
    before = outputs(graph, params, image)
    fused = fuse(graph, params)
    for one, other in zip(before, outputs(graph, fused, image), strict=True):
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-5 * np.abs(one).max())
    for name, value in kept.items():
        np.testing.assert_array_equal(params[name], value)
    assert set(fused) == set(graph.variables()) - {"data"}
    return [node.op for node in graph.nodes() if node.op != VARIABLE]


def conv(data, name, **options):
    return mx.sym.Convolution(
        data, name=name, **{"num_filter": 4, "kernel": (3, 3), "pad": (1, 1), **options}
    )


@pytest.mark.parametrize("no_bias", [False, True])
@pytest.mark.parametrize("fix_gamma", [False, True])
@pytest.mark.parametrize("eps", [1e-5, 1e-3])
def test_batch_norm_goes_into_the_convolution(no_bias, fix_gamma, eps):
    x = conv(mx.sym.var("data"), "c", no_bias=no_bias)
    x = mx.sym.BatchNorm(x, name="n", fix_gamma=fix_gamma, eps=eps, use_global_stats=True)
    assert check_fused(mx.sym.relu(x)) == ["Convolution", "relu"]


def test_defaults_of_a_bare_batch_norm_are_those_of_the_operator():
    # The zoo's expander writes no attributes: eps 1e-3 and gamma fixed to 1.
    symbol = mx.sym.BatchNorm(conv(mx.sym.var("data"), "c"), name="n")
    graph = parse_graph(symbol.tojson())
    (norm,) = graph.find("BatchNorm")
    norm.attrs.clear()
    params = random_params(symbol, (1, 3, 6, 6))
    image = np.ones((1, 3, 6, 6), np.float32)
    before = outputs(graph, params, image)[0]
    after = outputs(graph, fuse(graph, params), image)[0]
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-5 * np.abs(before).max())


def test_depthwise_convolution():
    x = conv(mx.sym.var("data"), "c", num_filter=6, num_group=3)
    assert check_fused(mx.sym.BatchNorm(x, name="n")) == ["Convolution"]


def test_convolution_with_another_user_is_kept_for_it():
    x = conv(mx.sym.var("data"), "c")
    symbol = mx.sym.Group([mx.sym.BatchNorm(x, name="n"), mx.sym.relu(x)])
    assert check_fused(symbol) == ["Convolution", "Convolution", "relu"]


def test_shared_weights_are_scaled_for_each_user_apart():
    weight, bias = mx.sym.var("w"), mx.sym.var("b")
    x = mx.sym.var("data")
    one = mx.sym.BatchNorm(conv(x, "c1", weight=weight, bias=bias), name="n1")
    other = mx.sym.BatchNorm(conv(x * 2, "c2", weight=weight, bias=bias), name="n2")
    assert check_fused(mx.sym.Group([one, other])).count("Convolution") == 2


def test_batch_norm_on_something_else_becomes_scale_and_shift():
    x = mx.sym.BatchNorm(mx.sym.relu(conv(mx.sym.var("data"), "c")), name="n")
    assert check_fused(x) == ["Convolution", "relu", "broadcast_mul", "broadcast_add"]


@pytest.mark.parametrize("widths", [(1, 1, 1, 1), (0, 1, 0, 1), (2, 0, 1, 0), (0, 3, 2, 1)])
@pytest.mark.parametrize("options", [{}, {"stride": (2, 2)}, {"num_filter": 3, "num_group": 3}])
@pytest.mark.parametrize("pad", [(0, 0), (1, 1)])
def test_zero_padding_goes_into_the_convolution(widths, options, pad):
    x = mx.sym.pad(mx.sym.var("data"), mode="constant", pad_width=(0, 0, 0, 0, *widths))
    assert check_fused(conv(x, "c", pad=pad, **options)) == ["Convolution"]


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "constant", "constant_value": 1.0},
        {"mode": "edge"},
    ],
    ids=["ones", "edge"],
)
def test_other_padding_stays(options):
    x = mx.sym.pad(mx.sym.var("data"), pad_width=(0, 0, 0, 0, 1, 1, 1, 1), **options)
    assert check_fused(conv(x, "c")) == ["Pad", "Convolution"]


def test_padding_with_another_user_stays_for_it():
    x = mx.sym.pad(mx.sym.var("data"), mode="constant", pad_width=(0, 0, 0, 0, 1, 1, 1, 1))
    symbol = mx.sym.Group([conv(x, "c"), mx.sym.relu(x)])
    assert sorted(check_fused(symbol)) == ["Convolution", "Pad", "relu"]


def test_padding_and_batch_norm_around_one_convolution():
    x = mx.sym.pad(mx.sym.var("data"), mode="constant", pad_width=(0, 0, 0, 0, 0, 1, 0, 1))
    x = mx.sym.BatchNorm(conv(x, "c", pad=(0, 0), stride=(2, 2)), name="n", fix_gamma=False)
    assert check_fused(mx.sym.relu(x)) == ["Convolution", "relu"]


# ---- what must stay as it is


def padded(data: Any, widths: tuple[int, ...]) -> Any:
    return mx.sym.pad(data, mode="constant", pad_width=widths)


@pytest.mark.parametrize(
    "widths",
    [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)],
    ids=["before images", "behind images", "before channels", "behind channels"],
)
def test_padding_of_images_or_channels_stays(widths: tuple[int, ...]) -> None:
    x = padded(mx.sym.var("data"), (0, 0, 0, 0, 1, 1, 1, 1))
    graph = parse_graph(conv(x, "c", no_bias=True).tojson())
    (pad,) = graph.find("Pad")
    pad.attrs["pad_width"] = str((*widths, 1, 1, 1, 1))
    fuse(graph, {"c_weight": np.ones((4, 3, 3, 3), np.float32)})
    assert list(graph.find("Pad")) == [pad]


def test_padding_before_a_dilated_convolution_stays() -> None:
    x = padded(mx.sym.var("data"), (0, 0, 0, 0, 1, 1, 1, 1))
    assert check_fused(conv(x, "c", dilate=(2, 2), pad=(2, 2))) == ["Pad", "Convolution"]


def test_padding_in_three_dimensions_stays() -> None:
    x = padded(mx.sym.var("data"), (0, 0, 0, 0, 1, 1, 1, 1, 1, 1))
    x = conv(x, "c", kernel=(3, 3, 3), pad=(1, 1, 1))
    assert check_fused(x, (1, 2, 4, 5, 6)) == ["Pad", "Convolution"]


def test_padding_of_a_kernel_stays() -> None:
    kernel = padded(mx.sym.var("kernel"), (0, 0, 0, 0, 1, 1, 1, 1))
    x = conv(mx.sym.var("data"), "c", weight=kernel, no_bias=True)
    graph = parse_graph(x.tojson())
    params = {"kernel": np.ones((4, 3, 1, 1), np.float32)}
    assert sorted(fuse(graph, params)) == ["kernel"]
    assert [node.op for node in graph.nodes() if node.op != VARIABLE] == ["Pad", "Convolution"]


def test_batch_norm_of_another_axis_stays() -> None:
    x = mx.sym.BatchNorm(conv(mx.sym.var("data"), "c"), name="n", axis=3, fix_gamma=False)
    assert check_fused(x) == ["Convolution", "BatchNorm"]


@pytest.mark.parametrize("missing", ["n_gamma", "n_beta", "n_moving_mean", "n_moving_var"])
def test_batch_norm_with_a_statistic_that_is_no_array_stays(missing: str) -> None:
    symbol = mx.sym.BatchNorm(conv(mx.sym.var("data"), "c"), name="n")
    params = random_params(symbol, (1, 3, 6, 6))
    del params[missing]
    graph = parse_graph(symbol.tojson())
    assert sorted(fuse(graph, params)) == sorted(params)
    assert len(list(graph.find("BatchNorm"))) == 1


def test_a_convolution_whose_weights_are_computed_keeps_them() -> None:
    x = conv(mx.sym.var("data"), "c", weight=mx.sym.var("w") * 2)
    symbol = mx.sym.BatchNorm(x, name="n")
    graph = parse_graph(symbol.tojson())
    params = random_params(symbol, (1, 3, 6, 6)) | {"w": np.ones((4, 3, 3, 3), np.float32)}
    fuse(graph, params)
    operators = [node.op for node in graph.nodes() if node.op != VARIABLE]
    assert operators == ["_mul_scalar", "Convolution", "broadcast_mul", "broadcast_add"]


# ---- by hand


def test_folded_numbers_by_hand() -> None:
    x = conv(mx.sym.var("data"), "c", num_filter=2, kernel=(1, 1), pad=(0, 0))
    symbol = mx.sym.BatchNorm(x, name="n", fix_gamma=False, eps=0)
    params = {
        "c_weight": [[[[1]]], [[[2]]]],
        "c_bias": [10, 20],
        "n_gamma": [6, 5],
        "n_beta": [1, 2],
        "n_moving_mean": [4, 10],
        "n_moving_var": [4, 25],
    }
    graph = parse_graph(symbol.tojson())
    folded = fuse(graph, {name: np.array(value, np.float32) for name, value in params.items()})
    # Scales 6 / 2 and 5 / 5; shifts 1 - 4 * 3 and 2 - 10.
    assert {name: value.ravel().tolist() for name, value in folded.items()} == {
        "n_folded_weight": [3, 2],
        "n_folded_bias": [19, 12],
    }
    assert {value.dtype for value in folded.values()} == {np.dtype(np.float32)}


def test_names_in_use_are_not_taken() -> None:
    symbol = mx.sym.BatchNorm(conv(mx.sym.var("data"), "c"), name="n")
    params = random_params(symbol, (1, 3, 6, 6)) | {"n_folded_weight": np.zeros(1, np.float32)}
    folded = fuse(parse_graph(symbol.tojson()), params)
    assert sorted(folded) == ["n_folded_bias", "n_folded_weight_"]


@pytest.mark.parametrize(
    ("widths", "pad", "kernel"),
    [
        ((1, 1, 2, 2), (1, 2), None),
        ((0, 1, 0, 0), (1, 0), (2, 1)),
        ((2, 0, 0, 1), (2, 1), (3, 2)),
        ((0, 0, 3, 1), (0, 3), (1, 3)),
    ],
    ids=str,
)
def test_uneven_padding_by_hand(
    widths: tuple[int, ...], pad: tuple[int, int], kernel: tuple[int, int] | None
) -> None:
    x = padded(mx.sym.var("data"), (0, 0, 0, 0, *widths))
    symbol = conv(x, "c", kernel=(1, 1), pad=(0, 0), num_filter=1, no_bias=True)
    graph = parse_graph(symbol.tojson())
    folded = fuse(graph, {"c_weight": np.ones((1, 3, 1, 1), np.float32)})
    (convolution,) = graph.find("Convolution")
    assert convolution.attrs["pad"] == str(pad)
    assert convolution.attrs["kernel"] == str(kernel or (1, 1))
    assert sorted(folded) == ["c_weight_widened" if kernel else "c_weight"]
