"""Convolutions with filters of zeros beside their own: what comes out is the same."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.system.cpu import cpu_flags, has_bfloat16
from gluon_ssd.training.precision.amp import convert_graph
from gluon_ssd.training.precision.padding import pad_filters

SHAPES = {"w": (21, 16, 3, 3), "b": (21,), "next_weight": (5, 21, 1, 1), "next_bias": (5,)}
IMAGE = (2, 16, 6, 6)


def shared_head():
    """A convolution of 21 filters used twice, as a head on two levels; one of 5 behind it."""
    weight, bias = mx.sym.var("w"), mx.sym.var("b")
    x = mx.sym.var("data")
    settings = {"num_filter": 21, "kernel": (3, 3), "pad": (1, 1)}
    first = mx.sym.Convolution(x, weight, bias, name="head0", **settings)
    second = mx.sym.Convolution(2 * x, weight, bias, name="head1", **settings)
    behind = mx.sym.Convolution(first, name="next", num_filter=5, kernel=(1, 1))
    return mx.sym.Group([second, behind, first])


def filters(symbol):
    nodes = json.loads(symbol.tojson())["nodes"]
    return {int(node["attrs"]["num_filter"]) for node in nodes if node["op"] == "Convolution"}


def values(symbol):
    """Outputs and gradients of all arguments, from fixed numbers, computed as training does."""
    rng = np.random.default_rng(0)
    image = mx.nd.array(rng.normal(size=IMAGE))
    block = mx.gluon.SymbolBlock(symbol, [mx.sym.var("data")])
    parameters = {name: block.collect_params()[name] for name in SHAPES}
    for name, parameter in parameters.items():
        parameter.shape = SHAPES[name]
        parameter.initialize()
        parameter.set_data(mx.nd.array(rng.normal(size=SHAPES[name])))
    image.attach_grad()
    block.hybridize(static_alloc=True, static_shape=True)
    with mx.autograd.record():
        outputs = block(image)
    mx.autograd.backward(outputs, [mx.nd.array(rng.normal(size=each.shape)) for each in outputs])
    gradients = [image.grad, *(parameter.grad() for parameter in parameters.values())]
    return [array.asnumpy() for array in (*outputs, *gradients)]


@pytest.mark.filterwarnings("ignore:Cannot decide type")  # amp_cast takes any
@pytest.mark.skipif(not has_bfloat16(cpu_flags()), reason="this CPU has no bfloat16")
def test_outputs_and_gradients_stay():
    symbol = shared_head()
    padded = pad_filters(symbol, SHAPES, ["head0", "head1", "next"])
    assert filters(padded) == {32, 16}
    assert sorted(padded.list_arguments()) == sorted(symbol.list_arguments())
    assert filters(symbol) == {21, 5}
    for found, expected in zip(
        values(convert_graph(padded, "bfloat16")), values(symbol), strict=True
    ):
        assert np.linalg.norm(found - expected) < 0.04 * np.linalg.norm(expected)


def test_others_stay_as_they_are():
    padded = pad_filters(shared_head(), SHAPES, ["next"])
    assert filters(padded) == {21, 16}
