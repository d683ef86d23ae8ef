"""The ONNX file of a backbone: read back by a few lines, and run node by node by MXNet."""

from __future__ import annotations

import os
import struct
import subprocess
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.models.backbones.onnx_file import backbone_onnx
from gluon_ssd.models.backbones.resnet import BLOCKS, ResNet, resnet_spec
from gluon_ssd.models.backbones.torchvision_weights import our_arrays
from gluon_ssd.models.first_weights import assign, parameters_of
from tests.golden_rule import image, weight
from tests.models.backbones.builders import classifier, zeros

KINDS = {
    "model": {1: int, 2: str, 7: "graph", 8: "operators"},
    "operators": {1: str, 2: int},
    "graph": {1: "node", 2: str, 5: "tensor", 11: "value", 12: "value"},
    "node": {1: str, 2: str, 3: str, 4: str, 5: "attribute"},
    "attribute": {1: str, 2: float, 3: int, 8: int, 20: int},
    "tensor": {1: int, 2: int, 8: str, 9: bytes},
    "value": {1: str, 2: "type"},
    "type": {1: "tensor_type"},
    "tensor_type": {1: int, 2: "shape"},
    "shape": {1: "dim"},
    "dim": {1: int, 2: str},
}
"""Messages of onnx.proto: number of a field -> what it holds."""


def varint(content, place):
    """A number and where the next field begins."""
    number = shift = 0
    while True:
        byte = content[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return number, place


def parsed(content, kind="model"):
    """Field -> list of its values."""
    found, place = defaultdict(list), 0
    while place < len(content):
        key, place = varint(content, place)
        field, wire = key >> 3, key & 7
        holds = KINDS[kind][field]
        if wire == 0:
            assert holds is int
            value, place = varint(content, place)
        elif wire == 5:
            assert holds is float
            value, place = struct.unpack_from("<f", content, place)[0], place + 4
        else:
            assert wire == 2 and holds not in (int, float)
            size, place = varint(content, place)
            value, place = content[place : place + size], place + size
            if holds is str:
                value = value.decode()
            elif isinstance(holds, str):
                value = parsed(value, holds)
        found[field].append(value)
    assert place == len(content)
    return found


def tensors_of(graph):
    """Name -> float32 array of the initialisers."""
    return {t[8][0]: np.frombuffer(t[9][0], "<f4").reshape(t[1]) for t in graph[5] if t[2] == [1]}


def attributes_of(node):
    """Name -> value; of attributes with several numbers, a tuple."""
    kinds = {1: lambda a: a[2][0], 2: lambda a: a[3][0], 7: lambda a: tuple(a[8])}
    return {a[1][0]: kinds[a[20][0]](a) for a in node[5]}


def run(graph, images):
    """Every value of the graph by its name; what ONNX's operators say, done by MXNet's."""
    values = {n: mx.nd.array(a) for n, a in tensors_of(graph).items()}
    values["images"] = mx.nd.array(images)
    for node in graph[1]:
        x, *rest = (values[name] for name in node[1])
        values[node[2][0]] = OPERATORS[node[4][0]](x, *rest, **attributes_of(node))
    return {name: value.asnumpy() for name, value in values.items()}


def conv(x, weight, *, kernel_shape, strides, pads, group):
    assert pads[:2] == pads[2:] and kernel_shape == weight.shape[2:]
    return mx.nd.Convolution(
        x, weight, kernel=kernel_shape, stride=strides, pad=pads[:2], num_group=group,
        num_filter=weight.shape[0], no_bias=True,
    )  # fmt: skip


def norm(x, scale, shift, mean, var, *, epsilon):
    by_channel = [a.reshape((1, -1, 1, 1)) for a in (scale, shift, mean, var)]
    return (x - by_channel[2]) / mx.nd.sqrt(by_channel[3] + epsilon) * by_channel[0] + by_channel[1]


def pool(x, *, kernel_shape, strides, pads):
    return mx.nd.Pooling(x, kernel=kernel_shape, stride=strides, pad=pads[:2], pool_type="max")


OPERATORS = {
    "Conv": conv,
    "BatchNormalization": norm,
    "Relu": mx.nd.relu,
    "MaxPool": pool,
    "Add": lambda a, b: a + b,
    "GlobalAveragePool": lambda x: x.mean(axis=(2, 3), keepdims=True),
    "Flatten": lambda x, axis: x.reshape((0, -1)),
    "Gemm": lambda x, w, b, transB: mx.nd.dot(x, w, transpose_b=bool(transB)) + b,
}


def network_of(name, arrays):
    """The network with those arrays."""
    network = ResNet(resnet_spec(name))
    for own, parameter in parameters_of(network).items():
        assign(parameter, arrays[own])
    return network


@pytest.mark.parametrize("name", ["resnet18", "resnext50_32x4d"])
def test_the_graph_computes_what_the_network_does(name):
    arrays = our_arrays(classifier(name))
    graph = parsed(backbone_onnx(name, arrays))[7][0]
    images = image("onnx", (2, 3, 70, 64))
    found = run(graph, images)
    ends = network_of(name, arrays)(mx.nd.array(images))
    for stage, end in enumerate(ends, start=1):
        wanted = end.asnumpy()
        assert found[f"layer{stage}"].shape == wanted.shape
        assert np.abs(found[f"layer{stage}"] - wanted).max() < 2e-6 * np.abs(wanted).max()
    features = ends[-1].asnumpy().mean(axis=(2, 3))
    wanted = features @ arrays["fc.weight"].T + arrays["fc.bias"]
    assert np.abs(found["logits"] - wanted).max() < 5e-6 * np.abs(wanted).max()


@pytest.mark.parametrize("name", BLOCKS)
def test_the_file_is_whole(name):
    value = weight if name == "resnet34" else zeros
    arrays = our_arrays(classifier(name, value=value))
    model = parsed(backbone_onnx(name, arrays))
    assert (model[1], model[2], dict(model[8][0])) == ([8], ["gluon_ssd"], {1: [""], 2: [13]})
    graph = model[7][0]
    assert graph[2] == [name]
    assert tensors_of(graph).keys() == arrays.keys()
    for own, array in tensors_of(graph).items():
        np.testing.assert_array_equal(array, arrays[own], err_msg=own)
    made = {output for node in graph[1] for output in node[2]}
    assert len(made) == len(graph[1])
    assert {i for node in graph[1] for i in node[1]} <= made | arrays.keys() | {"images"}


def shape_of(value):
    """Name and shape of an input or output."""
    (tensor,) = value[2][0][1]
    assert tensor[1] == [1]
    return value[1][0], [(dim[1] or dim[2])[0] for dim in tensor[2][0][1]]


def test_inputs_and_outputs_have_free_sizes():
    arrays = our_arrays(classifier("resnet18"))
    graph = parsed(backbone_onnx("resnet18", arrays))[7][0]
    assert [shape_of(v) for v in graph[11]] == [("images", ["batch", 3, "height", "width"])]
    outputs = dict(map(shape_of, graph[12]))
    assert list(outputs) == ["layer1", "layer2", "layer3", "layer4", "logits"]
    assert [len(shape) for shape in outputs.values()] == [4, 4, 4, 4, 2]
    bare = {n: a for n, a in arrays.items() if not n.startswith("fc.")}
    graph = parsed(backbone_onnx("resnet18", bare))[7][0]
    assert [v[1][0] for v in graph[12]] == ["layer1", "layer2", "layer3", "layer4"]


RUN = """
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
found = session.run(names, {"images": numpy.load(sys.argv[2])})
numpy.savez(sys.argv[3], **dict(zip(names, found)))
"""


def test_onnx_runtime_agrees(tmp_path: Path):
    """Runs where ONNX_PYTHON names a Python that has onnxruntime."""
    python = os.environ.get("ONNX_PYTHON", "")
    if not python:
        pytest.skip("no ONNX Runtime: ONNX_PYTHON may name a Python that has onnxruntime")
    arrays = our_arrays(classifier("resnet18"))
    content = backbone_onnx("resnet18", arrays)
    (tmp_path / "a.onnx").write_bytes(content)
    np.save(tmp_path / "x.npy", image("onnx", (2, 3, 70, 64)))
    files = [tmp_path / name for name in ("a.onnx", "x.npy", "found.npz")]
    ended = subprocess.run([python, "-c", RUN, *files], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    own = run(parsed(content)[7][0], np.load(tmp_path / "x.npy"))
    with np.load(tmp_path / "found.npz") as found:
        assert len(found.files) == 5
        for name in found.files:
            assert np.abs(found[name] - own[name]).max() < 5e-6 * np.abs(own[name]).max()
