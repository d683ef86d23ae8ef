"""A residual classifier as an ONNX file, written without a library.

Everything that computes is in `backbone_onnx`; below it stand the few messages of ONNX that are
needed, in the binary form of protocol buffers.

Sources: onnx/onnx.proto of ONNX 1.17 (numbers of the fields), docs/Operators.md (operators of
version 13).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.models.backbones.resnet import ResNetSpec, resnet_spec

_IR_VERSION, _OPERATORS = 8, 13
_FLOAT, _INT, _INTS = 1, 2, 7  # types of attributes; the type of float32 tensors is 1 as well
_EPSILON = 1e-5

Arrays = Mapping[str, NDArray[np.float32]]


def backbone_onnx(name: str, arrays: Arrays) -> bytes:
    """The content of an ONNX file that computes what torchvision's network does in evaluation.

    Args:
        name: key of `models.backbones.resnet.BLOCKS`.
        arrays: float32 by the structural names of all four stages; with `fc.weight` (classes, C)
            and `fc.bias` (classes,) the graph has the classifier too.

    Returns:
        A model with the input `images` (batch, 3, height, width), normalised, and the outputs
        `layer1` to `layer4`, the ends of the stages, and `logits` (batch, classes) if there are.
    """
    used = {n: array for n, array in arrays.items() if not n.startswith("fc.")}
    nodes = list(_trunk(resnet_spec(name)))
    outputs = [f"layer{stage}" for stage in (1, 2, 3, 4)]
    ranks = [4] * len(outputs)
    if "fc.weight" in arrays:
        used = dict(arrays)
        nodes += [
            _node("GlobalAveragePool", ["layer4"], "pooled"),
            _node("Flatten", ["pooled"], "features", axis=1),
            _node("Gemm", ["features", "fc.weight", "fc.bias"], "logits", transB=1),
        ]
        outputs, ranks = [*outputs, "logits"], [*ranks, 2]
    graph = b"".join(
        [
            *(_message(1, node) for node in nodes),
            _message(2, name.encode()),
            *(_message(5, _tensor(own, array)) for own, array in used.items()),
            _message(11, _value("images", ("batch", 3, "height", "width"))),
            *(
                _message(12, _value(o, ("batch", *(f"{o}_{axis}" for axis in range(1, rank)))))
                for o, rank in zip(outputs, ranks, strict=True)
            ),
        ]
    )
    operators = _message(8, _message(1, b"") + _number(2, _OPERATORS))
    producer = _message(2, b"gluon_ssd")
    return _number(1, _IR_VERSION) + producer + _message(7, graph) + operators


def _trunk(spec: ResNetSpec) -> Iterator[bytes]:
    """The nodes from the images to the ends of the stages."""
    yield from _convolution("images", "conv1", "bn1", size=7, stride=2)
    yield _node("Relu", ["bn1"], "stem")
    window = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}
    yield _node("MaxPool", ["stem"], "maxpool", **window)
    x, channels = "maxpool", 64
    for stage, count in enumerate(spec.blocks):
        for number in range(count):
            end = f"layer{stage + 1}" + (f".{number}" if number < count - 1 else "")
            stride = spec.strides[stage] if number == 0 else 1
            changes = stride != 1 or channels != spec.channels(stage)
            yield from _block(spec, x, f"layer{stage + 1}.{number}.", end, stride, changes)
            x, channels = end, spec.channels(stage)


def _block(
    spec: ResNetSpec, x: str, start: str, end: str, stride: int, changes: bool
) -> Iterator[bytes]:
    """The nodes of one residual block; `changes` says whether its input is projected."""
    sizes, strides, groups = [3, 3], [stride, 1], [1, 1]
    if spec.bottleneck:
        sizes, strides, groups = [1, 3, 1], [1, stride, 1], [1, spec.groups, 1]
    branch = x
    for number, (size, step, group) in enumerate(zip(sizes, strides, groups, strict=True), 1):
        names = (f"{start}conv{number}", f"{start}bn{number}")
        yield from _convolution(branch, *names, size=size, stride=step, group=group)
        branch = names[1]
        if number < len(sizes):
            yield _node("Relu", [branch], f"{start}relu{number}")
            branch = f"{start}relu{number}"
    if changes:
        names = (f"{start}downsample.0", f"{start}downsample.1")
        yield from _convolution(x, *names, size=1, stride=stride)
        x = names[1]
    yield _node("Add", [branch, x], f"{start}sum")
    yield _node("Relu", [f"{start}sum"], end)


def _convolution(
    x: str, name: str, norm: str, *, size: int, stride: int, group: int = 1
) -> Iterator[bytes]:
    """A convolution and its batch norm, whose output is called `norm`."""
    yield _node(
        "Conv",
        [x, f"{name}.weight"],
        name,
        kernel_shape=[size, size],
        strides=[stride, stride],
        pads=[size // 2] * 4,
        group=group,
    )
    words = ("gamma", "beta", "running_mean", "running_var")
    yield _node(
        "BatchNormalization", [name, *(f"{norm}.{word}" for word in words)], norm, epsilon=_EPSILON
    )


def _node(
    operator: str, inputs: Sequence[str], output: str, **attributes: float | int | Sequence[int]
) -> bytes:
    """A NodeProto, called as its output is."""
    fields = [_message(1, name.encode()) for name in inputs]
    fields += [_message(2, output.encode()), _message(3, output.encode())]
    fields += [_message(4, operator.encode())]
    fields += [_message(5, _attribute(name, value)) for name, value in attributes.items()]
    return b"".join(fields)


def _attribute(name: str, value: float | int | Sequence[int]) -> bytes:
    start = _message(1, name.encode())
    if isinstance(value, float):
        return start + b"\x15" + struct.pack("<f", value) + _number(20, _FLOAT)
    if isinstance(value, int):
        return start + _number(3, value) + _number(20, _INT)
    return start + b"".join(_number(8, number) for number in value) + _number(20, _INTS)


def _tensor(name: str, array: NDArray[np.float32]) -> bytes:
    """A TensorProto of float32."""
    dims = b"".join(_number(1, size) for size in array.shape)
    content = np.ascontiguousarray(array, "<f4").tobytes()
    return dims + _number(2, _FLOAT) + _message(8, name.encode()) + _message(9, content)


def _value(name: str, shape: Sequence[str | int]) -> bytes:
    """A ValueInfoProto of float32; texts name axes of any size."""
    dims = b"".join(
        _message(1, _number(1, size) if isinstance(size, int) else _message(2, size.encode()))
        for size in shape
    )
    kind = _number(1, _FLOAT) + _message(2, dims)
    return _message(1, name.encode()) + _message(2, _message(1, kind))


def _number(field: int, number: int) -> bytes:
    """A field that holds a number of at least 0."""
    return _varint(field << 3) + _varint(number)


def _message(field: int, content: bytes) -> bytes:
    """A field that holds bytes: a text, or a message."""
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth bit says that more follow."""
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])
