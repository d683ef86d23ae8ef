"""Every operator of MXNet that a network may hold -> ONNX nodes that compute the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from gluon_ssd.deploy.detector_parts import Operation, output_name
from gluon_ssd.errors import ModelError


class Builder:
    """Collects nodes and constants of an ONNX graph.

    Args:
        shapes: of every tensor that is known, for a batch of one.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.shapes = dict(shapes)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self._counts: Counter[str] = Counter()

    def add(self, kind: str, inputs: list[str], outputs: list[str], **settings: Any) -> str:
        """Add a node called as its first output; returns that name."""
        self.nodes.append(onnx.helper.make_node(kind, inputs, outputs, name=outputs[0], **settings))
        return outputs[0]

    def constant(self, name: str, value: Any) -> str:
        """Add an array or number that no image changes; returns its name."""
        self.constants[name] = np.asarray(value)
        return name

    def node(self, kind: str, *inputs: str, **settings: Any) -> str:
        """Add a node of one output, which gets a name of its own; returns that."""
        return self.add(kind, list(inputs), [self._new(kind)], **settings)

    def array(self, value: Any) -> str:
        """Add a constant, float32 or int64 where it holds whole numbers; returns its new name."""
        array = np.asarray(value)
        dtype = np.int64 if array.dtype.kind in "iu" else np.float32
        return self.constant(self._new("constant"), array.astype(dtype))

    def branch(self) -> Builder:
        """A builder of a part that runs on a condition; it sees this one's names."""
        part = Builder(self.shapes)
        part.constants, part._counts = self.constants, self._counts
        return part

    def _new(self, kind: str) -> str:
        self._counts[kind] += 1
        return f"ssd_{kind}_{self._counts[kind]}"


Convert = Callable[[Builder, Operation], None]


def convert_operation(builder: Builder, operation: Operation) -> None:
    """Add what computes an operation. Raises ModelError for one that is not known here."""
    convert = OPERATORS.get(operation.kind)
    if convert is None:
        raise ModelError(
            f"the operator {operation.kind} ({operation.name}) cannot be written as ONNX; "
            f"known are {', '.join(sorted(OPERATORS))}"
        )
    convert(builder, operation)
    for number, shape in enumerate(operation.shapes):
        builder.shapes[output_name(operation.name, number)] = shape


def _numbers(operation: Operation, key: str, default: tuple[int, ...]) -> list[int]:
    text = operation.settings.get(key, "").strip("()[] ")
    return [int(part) for part in text.split(",") if part.strip()] or list(default)


def _ends(operation: Operation, key: str) -> list[int | None]:
    """Numbers of which some may be None."""
    parts = operation.settings[key].strip("()[] ").split(",")
    return [None if part.strip() == "None" else int(part) for part in parts if part.strip()]


def _number(operation: Operation, key: str, default: float) -> float:
    return float(operation.settings.get(key, default))


def _flag(operation: Operation, key: str) -> bool:
    return operation.settings.get(key, "False").lower() in ("true", "1")


def _word(operation: Operation, key: str, known: Mapping[str, str], default: str = "") -> str:
    """The ONNX word for a setting. Raises ModelError where there is none."""
    word = operation.settings.get(key, default)
    if word not in known:
        raise ModelError(
            f"{operation.kind} ({operation.name}) with {key}={word} cannot be written as ONNX"
        )
    return known[word]


def _same(kind: str) -> Convert:
    """An operator that is the same in both."""

    def convert(builder: Builder, operation: Operation) -> None:
        builder.add(kind, list(operation.inputs), [operation.name])

    return convert


def _with_scalar(kind: str, *, reverse: bool = False) -> Convert:
    def convert(builder: Builder, operation: Operation) -> None:
        value = np.float32(_number(operation, "scalar", 0))
        scalar = builder.constant(f"{operation.name}_scalar", value)
        inputs = [operation.inputs[0], scalar]
        builder.add(kind, inputs[::-1] if reverse else inputs, [operation.name])

    return convert


def _convolution(builder: Builder, operation: Operation) -> None:
    kernel = _numbers(operation, "kernel", ())
    pads = _numbers(operation, "pad", (0,) * len(kernel))
    builder.add(
        "Conv",
        list(operation.inputs),
        [operation.name],
        kernel_shape=kernel,
        strides=_numbers(operation, "stride", (1,) * len(kernel)),
        dilations=_numbers(operation, "dilate", (1,) * len(kernel)),
        pads=pads * 2,
        group=int(_number(operation, "num_group", 1)),
    )


def _batch_norm(builder: Builder, operation: Operation) -> None:
    data, gamma, *others = operation.inputs
    if operation.settings.get("fix_gamma", "True").lower() in ("true", "1"):
        ones = np.ones(builder.shapes[gamma], np.float32)
        gamma = builder.constant(f"{operation.name}_ones", ones)
    builder.add(
        "BatchNormalization",
        [data, gamma, *others],
        [operation.name],
        epsilon=_number(operation, "eps", 1e-3),
    )


_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softrelu": "Softplus"}


def _activation(builder: Builder, operation: Operation) -> None:
    kind = _word(operation, "act_type", _ACTIVATIONS)
    builder.add(kind, [operation.inputs[0]], [operation.name])


def _leaky_relu(builder: Builder, operation: Operation) -> None:
    kind = _word(operation, "act_type", {"leaky": "LeakyRelu", "elu": "Elu"}, "leaky")
    slope = _number(operation, "slope", 0.25)
    builder.add(kind, [operation.inputs[0]], [operation.name], alpha=slope)


def _pooling(builder: Builder, operation: Operation) -> None:
    kinds = {"max": "MaxPool", "avg": "AveragePool"}
    kind = _word(operation, "pool_type", kinds, "max")
    source = [operation.inputs[0]]
    if _flag(operation, "global_pool"):
        builder.add(f"Global{kind}", source, [operation.name])
        return
    kernel = _numbers(operation, "kernel", ())
    pads = _numbers(operation, "pad", (0,) * len(kernel)) * 2
    settings: dict[str, Any] = {
        "kernel_shape": kernel,
        "strides": _numbers(operation, "stride", (1,) * len(kernel)),
        "pads": pads,
    }
    rule = operation.settings.get("pooling_convention", "valid")
    if rule == "full":
        # ONNX rounds up too, but leaves out windows that start in the padding behind the image.
        settings["pads"] = pads[: len(kernel)] + _full_pads(builder, operation, settings)
    elif rule != "valid":
        raise ModelError(f"Pooling ({operation.name}) with {rule} cannot be written as ONNX")
    if kind == "AveragePool":
        if rule == "full":
            raise ModelError(f"average Pooling ({operation.name}) with full has no ONNX form")
        settings["count_include_pad"] = int(
            operation.settings.get("count_include_pad", "True").lower() in ("true", "1")
        )
    builder.add(kind, source, [operation.name], **settings)


def _full_pads(builder: Builder, operation: Operation, settings: dict[str, Any]) -> list[int]:
    """Padding at the end that gives the size that MXNet's rounding up gives."""
    sizes = builder.shapes[operation.inputs[0]][2:]
    found = operation.shapes[0][2:]
    parts = (settings["kernel_shape"], settings["strides"], settings["pads"])
    return [
        max(before, (out - 1) * stride + kernel - size - before)
        for size, out, kernel, stride, before in zip(sizes, found, *parts, strict=False)
    ]


def _concat(builder: Builder, operation: Operation) -> None:
    axis = int(_number(operation, "dim", 1))
    builder.add("Concat", list(operation.inputs), [operation.name], axis=axis)


def _transpose(builder: Builder, operation: Operation) -> None:
    axes = _numbers(operation, "axes", tuple(range(len(operation.shapes[0])))[::-1])
    builder.add("Transpose", [operation.inputs[0]], [operation.name], perm=axes)


def _reshape(builder: Builder, operation: Operation) -> None:
    """To the shape that MXNet found; -1 stands where the batch is."""
    (shape,), (axis,) = operation.shapes, operation.batched
    target = [-1 if number == axis else size for number, size in enumerate(shape)]
    name = builder.constant(f"{operation.name}_shape", np.array(target, np.int64))
    builder.add("Reshape", [operation.inputs[0], name], [operation.name])


def _l2_normalization(builder: Builder, operation: Operation) -> None:
    """By the root of the sum of squares over channels, and of a small number."""
    _word(operation, "mode", {"channel": ""}, "instance")
    source, name = operation.inputs[0], operation.name
    axes = builder.constant(f"{name}_axes", np.array([1], np.int64))
    eps = builder.constant(f"{name}_eps", np.float32(_number(operation, "eps", 1e-10)))
    total = builder.add("ReduceSumSquare", [source, axes], [f"{name}_squares"], keepdims=1)
    norm = builder.add(
        "Sqrt", [builder.add("Add", [total, eps], [f"{name}_sum"])], [f"{name}_norm"]
    )
    builder.add("Div", [source, norm], [name])


def _up_sampling(builder: Builder, operation: Operation) -> None:
    _word(operation, "sample_type", {"nearest": ""})
    scale = _number(operation, "scale", 1)
    scales = np.array([1, 1, scale, scale], np.float32)
    builder.add(
        "Resize",
        [operation.inputs[0], "", builder.constant(f"{operation.name}_scales", scales)],
        [operation.name],
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _slice(builder: Builder, operation: Operation) -> None:
    begins, ends = _ends(operation, "begin"), _ends(operation, "end")
    cut = [
        (axis, begin or 0, end)
        for axis, (begin, end) in enumerate(zip(begins, ends, strict=True))
        if not (begin is None and end is None)
    ]
    _add_slice(builder, operation, cut)


def _slice_axis(builder: Builder, operation: Operation) -> None:
    axis = int(_number(operation, "axis", 0)) % len(operation.shapes[0])
    text = operation.settings.get("end", "None")
    end = None if text == "None" else int(text)
    _add_slice(builder, operation, [(axis, int(_number(operation, "begin", 0)), end)])


def _add_slice(
    builder: Builder, operation: Operation, cut: list[tuple[int, int, int | None]]
) -> None:
    """`cut` holds (axis, begin, end), the end None for all that is left."""
    last = np.iinfo(np.int64).max
    columns = {
        "starts": [begin for _, begin, _ in cut],
        "ends": [last if end is None else end for *_, end in cut],
        "axes": [axis for axis, *_ in cut],
    }
    names = [
        builder.constant(f"{operation.name}_{key}", np.array(values, np.int64))
        for key, values in columns.items()
    ]
    builder.add("Slice", [operation.inputs[0], *names], [operation.name])


def _clip(builder: Builder, operation: Operation) -> None:
    limits = [
        builder.constant(f"{operation.name}_{key}", np.float32(_number(operation, key, 0)))
        for key in ("a_min", "a_max")
    ]
    builder.add("Clip", [operation.inputs[0], *limits], [operation.name])


def _softmax(builder: Builder, operation: Operation) -> None:
    axis = int(_number(operation, "axis", -1))
    builder.add("Softmax", [operation.inputs[0]], [operation.name], axis=axis)


def _take(builder: Builder, operation: Operation) -> None:
    data, indices = operation.inputs
    whole = builder.add("Cast", [indices], [f"{operation.name}_index"], to=onnx.TensorProto.INT64)
    builder.add("Gather", [data, whole], [operation.name], axis=int(_number(operation, "axis", 0)))


def _max(builder: Builder, operation: Operation) -> None:
    axes = _numbers(operation, "axis", ())
    if not axes or _flag(operation, "exclude"):
        raise ModelError(f"max ({operation.name}) has an ONNX form along named axes alone")
    source, name = operation.inputs[0], operation.name
    along = builder.constant(f"{name}_axes", np.array(axes, np.int64))
    keeps = int(_flag(operation, "keepdims"))
    builder.add("ReduceMax", [source, along], [name], keepdims=keeps)


def _greater_equal(builder: Builder, operation: Operation) -> None:
    """1 and 0 as float32, as MXNet has it."""
    name = operation.name
    truth = builder.add("GreaterOrEqual", list(operation.inputs), [f"{name}_truth"])
    builder.add("Cast", [truth], [name], to=onnx.TensorProto.FLOAT)


OPERATORS: dict[str, Convert] = {
    "Activation": _activation,
    "BatchNorm": _batch_norm,
    "Concat": _concat,
    "Convolution": _convolution,
    "Dropout": _same("Identity"),
    "Flatten": _reshape,
    "L2Normalization": _l2_normalization,
    "LeakyReLU": _leaky_relu,
    "Pooling": _pooling,
    "Reshape": _reshape,
    "UpSampling": _up_sampling,
    "_copy": _same("Identity"),
    "_div_scalar": _with_scalar("Div"),
    "_minus_scalar": _with_scalar("Sub"),
    "_mul_scalar": _with_scalar("Mul"),
    "_plus_scalar": _with_scalar("Add"),
    "_rdiv_scalar": _with_scalar("Div", reverse=True),
    "_rminus_scalar": _with_scalar("Sub", reverse=True),
    "broadcast_add": _same("Add"),
    "broadcast_div": _same("Div"),
    "broadcast_greater_equal": _greater_equal,
    "broadcast_mul": _same("Mul"),
    "broadcast_sub": _same("Sub"),
    "clip": _clip,
    "elemwise_add": _same("Add"),
    "elemwise_div": _same("Div"),
    "elemwise_mul": _same("Mul"),
    "elemwise_sub": _same("Sub"),
    "exp": _same("Exp"),
    "expand_dims": _reshape,
    "log": _same("Log"),
    "max": _max,
    "relu": _same("Relu"),
    "sigmoid": _same("Sigmoid"),
    "slice": _slice,
    "slice_axis": _slice_axis,
    "softmax": _softmax,
    "sqrt": _same("Sqrt"),
    "take": _take,
    "tanh": _same("Tanh"),
    "transpose": _transpose,
}
"""MXNet's name of an operator -> what adds the nodes."""
