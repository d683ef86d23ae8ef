from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import VARIABLE, parse_graph
from gluon_ssd.deploy.mxnet.passes.fold_batch_norm import fuse


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
