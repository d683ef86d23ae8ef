"""Shapes of parameters that MXNet itself would replace, and then read beyond their end."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import Graph, Node, format_graph, parse_graph
from gluon_ssd.deploy.mxnet.symbol_check.check import read_graph
from gluon_ssd.deploy.mxnet.symbol_check.sizes import checked_shapes
from gluon_ssd.errors import ModelError, WeightsError

X = mx.sym.var("data")
IMAGE = {"data": (1, 3, 8, 8)}
V = mx.sym.var
LAYERS = {
    "BatchNorm": mx.sym.BatchNorm(X, V("a"), V("b"), V("c"), V("d")),
    "SyncBatchNorm": mx.sym.contrib.SyncBatchNorm(X, V("a"), V("b"), V("c"), V("d"), key="k"),
    "InstanceNorm": mx.sym.InstanceNorm(X, V("a"), V("b")),
    "LayerNorm": mx.sym.LayerNorm(X, V("a"), V("b"), axis=1),
    "PReLU": mx.sym.LeakyReLU(X, V("a"), act_type="prelu"),
    "Convolution": mx.sym.Convolution(X, V("w"), V("a"), num_filter=3, kernel=(1, 1)),
    "Deconvolution": mx.sym.Deconvolution(
        X, V("w"), V("a"), num_filter=3, kernel=(1, 1), no_bias=False
    ),
    "FullyConnected": mx.sym.FullyConnected(X, V("f"), V("a"), num_hidden=3),
}
SHAPES = {"w": (3, 3, 1, 1), "f": (3, 192)}
WRONG = [(2,), (4,), (3, 1, 1), (1, 3), (), (0,)]


def check(symbol, **shapes) -> None:
    graph = parse_graph(symbol.tojson())
    params = {name: np.ones(shapes.get(name, (3,))) for name in graph.variables()}
    checked_shapes(graph, {k: v for k, v in params.items() if k != "data"}, IMAGE, "m")


@pytest.mark.parametrize("layer", LAYERS)
def test_each_parameter_of_a_layer_has_one_number_for_each_channel(layer):
    symbol = LAYERS[layer]
    check(symbol, **SHAPES)
    for name in set(symbol.list_inputs()) - {"data", *SHAPES}:
        for shape in WRONG + [(1,)] * (layer != "PReLU"):
            with pytest.raises((WeightsError, ModelError, mx.MXNetError)) as error:
                check(symbol, **SHAPES, **{name: shape})
            if layer in ("BatchNorm", "SyncBatchNorm", "InstanceNorm") and shape:
                message = f"^the parameters of m have the wrong shape for it: {name} is "
                assert error.match(message) and str(shape) in str(error.value)
                assert error.match(r"\(3,\)")


def test_prelu_may_have_one_number_for_all():
    check(LAYERS["PReLU"], a=(1,))


def test_one_array_for_two_normalisations_fits_both():
    """MXNet is left with the shape that the last of them needs."""
    wide = mx.sym.InstanceNorm(mx.sym.concat(X, X, dim=1), V("a"), V("b"))
    both = mx.sym.Group([wide, mx.sym.InstanceNorm(X, V("a"), V("c"))])
    with pytest.raises(WeightsError, match="needs .6,.|needed .6,."):
        check(both, b=(6,))


def test_parameters_that_are_computed_are_of_their_own_shape():
    check(mx.sym.InstanceNorm(X, mx.sym.ones((3,)), V("b")))
    for computed in (mx.sym.ones((1,)), mx.sym.abs(V("a")), mx.sym.slice(V("a"), (0,), (1,))):
        with pytest.raises(ModelError, match="is .1,., .*InstanceNorm. needs .3,."):
            check(mx.sym.InstanceNorm(X, computed, V("b")), a=(1,))
    pooled = mx.sym.reshape(mx.sym.sum(X, axis=(0, 2, 3)), (-1,))
    with pytest.raises(ModelError, match="depend on the images"):
        check(mx.sym.InstanceNorm(X, pooled, V("b")))


def test_what_fits_one_image_fits_more():
    with pytest.raises(WeightsError, match="needed .2,."):
        check(
            mx.sym.BatchNorm(X, V("a"), V("b"), V("c"), V("d"), axis=0),
            **dict.fromkeys("abcd", (1,)),
        )


def fused(**shapes) -> None:
    """A convolution of two filters, fused with its batch norm and a sum, as read from a file."""
    inner = mx.sym.Convolution(X, V("w"), num_filter=2, kernel=(1, 1), no_bias=True)
    inner = mx.sym.BatchNorm(inner, V("a"), V("b"), V("c"), V("d"))
    names = inner.list_inputs()
    node = Node(
        "_sg_mkldnn_conv",
        "fused",
        {"with_bn": "True"},
        [(Node("null", name), 0) for name in names],
        {"subgraphs": [json.loads(inner.tojson())]},
    )
    graph = read_graph(format_graph(Graph([(node, 0)])), "m")
    params = {name: np.ones(shapes.get(name, (2,))) for name in names[1:]}
    checked_shapes(graph, params, IMAGE, "m")


def test_a_fused_batch_norm_is_looked_into():
    fused(w=(2, 3, 1, 1))
    for name in "abcd":
        for shape in ((1,), (3,), (2, 1), ()):
            with pytest.raises((WeightsError, ModelError, mx.MXNetError)):
                fused(w=(2, 3, 1, 1), **{name: shape})
