"""Every operator that can be written as ONNX, beside MXNet's own."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.detector_parts import Operation
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.files import INPUT
from gluon_ssd.deploy.mxnet.graph import parse_graph
from gluon_ssd.deploy.mxnet.parts import names_of, operations_of
from gluon_ssd.errors import ModelError

pytestmark = pytest.mark.onnx
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from gluon_ssd.deploy.onnx.operators import OPERATORS, Builder, convert_operation  # noqa: E402

HW = (7, 10)
S = mx.sym
RNG = np.random.default_rng(0)
ARRAYS = {
    "weight": RNG.normal(0, 1, (6, 3, 3, 3)).astype(np.float32),
    "grouped": RNG.normal(0, 1, (3, 1, 3, 3)).astype(np.float32),
    "bias": RNG.normal(0, 1, 6).astype(np.float32),
    "gamma": RNG.normal(1, 0.2, 3).astype(np.float32),
    "beta": RNG.normal(0, 1, 3).astype(np.float32),
    "mean": RNG.normal(0, 1, 3).astype(np.float32),
    "var": RNG.uniform(0.5, 2, 3).astype(np.float32),
    "channel": RNG.uniform(0.5, 2, (1, 3, 1, 1)).astype(np.float32),
    "like": RNG.uniform(0.5, 2, (1, 3, 7, 10)).astype(np.float32),
    "ones": np.ones((1, 1, 1, 1), np.float32),
    "indices": np.array([2, 0, 0, 1], np.float32),
}
X = S.var(INPUT)
V = {name: S.var(name) for name in ARRAYS}
NORM = {"gamma": V["gamma"], "beta": V["beta"], "moving_mean": V["mean"], "moving_var": V["var"]}
CONV = {"num_filter": 6, "weight": V["weight"], "kernel": (3, 3)}
POSITIVE = S.abs(X) + 0.1

CASES = {
    "Activation relu": S.Activation(X, act_type="relu"),
    "Activation sigmoid": S.Activation(X, act_type="sigmoid"),
    "Activation tanh": S.Activation(X, act_type="tanh"),
    "Activation softrelu": S.Activation(X, act_type="softrelu"),
    "BatchNorm": S.BatchNorm(X, **NORM, fix_gamma=False, eps=1e-5, use_global_stats=True),
    "BatchNorm fixed": S.BatchNorm(X, **NORM, fix_gamma=True, eps=2e-3, use_global_stats=True),
    "Concat channels": S.Concat(X, X * 2, dim=1),
    "Concat rows": S.Concat(X, X * 2, dim=2),
    "Convolution": S.Convolution(X, bias=V["bias"], **CONV),
    "Convolution strided": S.Convolution(X, **CONV, no_bias=True, stride=(2, 1), pad=(1, 2)),
    "Convolution dilated": S.Convolution(X, **CONV, no_bias=True, dilate=(2, 3), pad=(2, 3)),
    "Convolution grouped": S.Convolution(
        X, weight=V["grouped"], kernel=(3, 3), num_filter=3, num_group=3, no_bias=True
    ),
    "Dropout": S.Dropout(X, p=0.5),
    "Flatten": S.Flatten(X),
    "L2Normalization": S.L2Normalization(X, mode="channel"),
    "LeakyReLU": S.LeakyReLU(X, act_type="leaky", slope=0.1),
    "LeakyReLU elu": S.LeakyReLU(X, act_type="elu", slope=0.7),
    "Pooling max": S.Pooling(X, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="max"),
    "Pooling full": S.Pooling(
        X, kernel=(2, 3), stride=(2, 2), pool_type="max", pooling_convention="full"
    ),
    "Pooling full padded": S.Pooling(
        X, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="max", pooling_convention="full"
    ),
    "Pooling full one": S.Pooling(
        X, kernel=(1, 1), stride=(3, 3), pool_type="max", pooling_convention="full"
    ),
    "Pooling average": S.Pooling(X, kernel=(3, 2), stride=(2, 2), pad=(1, 1), pool_type="avg"),
    "Pooling average inside": S.Pooling(
        X, kernel=(3, 3), pad=(1, 1), pool_type="avg", count_include_pad=False
    ),
    "Pooling global max": S.Pooling(X, global_pool=True, pool_type="max", kernel=(1, 1)),
    "Pooling global average": S.Pooling(X, global_pool=True, pool_type="avg", kernel=(1, 1)),
    "Reshape": S.Reshape(X, shape=(0, -1, 5)),
    "Reshape joins": S.Reshape(X, shape=(0, -3, 10)),
    "UpSampling": S.UpSampling(X, scale=2, sample_type="nearest"),
    "_copy": S.identity(X),
    "_div_scalar": X / 3,
    "_minus_scalar": X - 3,
    "_mul_scalar": X * 3,
    "_plus_scalar": X + 3,
    "_rdiv_scalar": 3 / POSITIVE,
    "_rminus_scalar": 3 - X,
    "broadcast_add": S.broadcast_add(X, V["channel"]),
    "broadcast_div": S.broadcast_div(X, V["channel"]),
    "broadcast_greater_equal": S.broadcast_greater_equal(S.clip(X, 0, 1), V["ones"]),
    "broadcast_mul": S.broadcast_mul(X, V["channel"]),
    "broadcast_sub": S.broadcast_sub(X, V["channel"]),
    "clip": S.clip(X, a_min=-0.3, a_max=0.7),
    "elemwise_add": S.elemwise_add(X, X * 2),
    "elemwise_div": S.elemwise_div(X, S.exp(X)),
    "elemwise_mul": S.elemwise_mul(X, X * 2),
    "elemwise_sub": S.elemwise_sub(X, S.exp(X)),
    "exp": S.exp(X),
    "expand_dims": S.expand_dims(X, axis=2),
    "expand_dims last": S.expand_dims(X, axis=-1),
    "log": S.log(POSITIVE),
    "max": S.max(X, axis=1, keepdims=True),
    "max of two": S.max(X, axis=(1, -1)),
    "relu": S.relu(X),
    "sigmoid": S.sigmoid(X),
    "slice": S.slice(X, begin=(None, 1, 2), end=(None, 3, None)),
    "slice negative": S.slice(X, begin=(None, 0, -3), end=(None, -1, None)),
    "slice_axis": S.slice_axis(X, axis=-1, begin=2, end=None),
    "slice_axis end": S.slice_axis(X, axis=1, begin=0, end=-1),
    "softmax": S.softmax(X, axis=1),
    "softmax last": S.softmax(X),
    "sqrt": S.sqrt(S.exp(X)),
    "take": S.take(X, V["indices"], axis=1),
    "tanh": S.tanh(X),
    "transpose": S.transpose(X, axes=(0, 2, 3, 1)),
}
# What only helps to make the inputs of another one.
HELPERS = {"abs"}


def converted(symbol):
    """The nodes of a symbol, its outputs' names and its graph."""
    graph = parse_graph(symbol.tojson())
    params = {name: ARRAYS[name] for name in graph.variables() if name != INPUT}
    names = names_of(graph)
    builder = Builder({**{n: a.shape for n, a in params.items()}, INPUT: (1, 3, *HW)})
    for operation in operations_of(graph, params, HW, names):
        if operation.kind in HELPERS:
            builder.add("Abs", list(operation.inputs), [operation.name])
        else:
            convert_operation(builder, operation)
    builder.constants |= params
    (node, number) = graph.heads[0]
    return graph, params, builder, names[id(node), number]


def by_onnx(builder, output, images):
    """What ONNX Runtime computes, after strict checks."""
    helper, any_size = onnx.helper, [None] * len(builder.shapes[output])
    graph = helper.make_graph(
        builder.nodes,
        "one",
        [helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, ["batch", 3, *HW])],
        [helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, any_size)],
        [onnx.numpy_helper.from_array(array, name) for name, array in builder.constants.items()],
    )
    imports = [helper.make_opsetid("", 18)]
    model = helper.make_model(
        graph, opset_imports=imports, ir_version=helper.find_min_ir_version_for(imports)
    )
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {INPUT: images})[0]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_onnx_runtime_gives_what_mxnet_gives(name, batch):
    images = np.random.default_rng(1).normal(0, 1, (batch, 3, *HW)).astype(np.float32)
    graph, params, builder, output = converted(CASES[name])
    compiled = CompiledGraph(graph, params, ctx=mx.cpu(), inputs=(INPUT,))
    expected = compiled(images)[0].asnumpy()
    found = by_onnx(builder, output, images)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


def test_every_operator_has_a_case():
    kinds = {node.op for symbol in CASES.values() for node in parse_graph(symbol.tojson()).nodes()}
    assert OPERATORS.keys() <= kinds


def test_an_unknown_operator_is_named_with_those_that_are_known():
    with pytest.raises(
        ModelError,
        match=r"^the operator arccos \(arccos0\) cannot be written as ONNX; known are Ac",
    ):
        converted(S.arccos(X, name="arccos0"))


@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        (S.Activation(X, act_type="softsign"), "with act_type=softsign cannot"),
        (S.LeakyReLU(X, act_type="gelu"), "with act_type=gelu cannot"),
        (S.Pooling(X, kernel=(2, 2), pool_type="sum"), "with pool_type=sum cannot"),
        (S.L2Normalization(X, mode="instance"), "with mode=instance cannot"),
        (
            S.Pooling(X, kernel=(2, 2), pool_type="avg", pooling_convention="full"),
            "with full has no ONNX form",
        ),
    ],
)
def test_a_setting_without_onnx_form_is_named(symbol, message):
    with pytest.raises(ModelError, match=message):
        converted(symbol)


def test_a_builder_names_its_nodes_and_keeps_types():
    builder = Builder({})
    assert builder.node("Add", builder.array(1), builder.array([2])) == "ssd_Add_1"
    assert builder.branch().node("Add", "a", "b") == "ssd_Add_2"
    assert builder.array(0.5) == "ssd_constant_3"
    assert [array.dtype for array in builder.constants.values()] == [np.int64, np.int64, np.float32]


def test_an_operation_is_known_by_its_kind_alone():
    builder = Builder({"data": (1, 3, 2, 2)})
    convert_operation(builder, Operation("relu", "r", {}, ("data",), ((1, 3, 2, 2),), (0,)))
    assert [(node.op_type, list(node.output)) for node in builder.nodes] == [("Relu", ["r"])]
    assert builder.shapes["r"] == (1, 3, 2, 2)
