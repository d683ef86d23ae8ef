"""Pictures of any size to the input of a network, as nodes of an ONNX graph.

The rules of `detection.input_format.RESIZES`, in float32. OpenCV and Pillow compute in whole
numbers, which rounds some pixels to the next grey level; a picture that has the size of the input
already comes out exactly as in Python. ONNX's Resize serves for linear weights alone: runtimes
differ in how it averages, and take long for cubic weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from gluon_ssd.deploy.onnx.names import IMAGE
from gluon_ssd.deploy.onnx.operators import Builder
from gluon_ssd.models.record import ModelRecord

_CUBIC = -0.75
"""OpenCV's constant of the cubic kernel."""
_HALF_UP = 0.5002
"""Pillow rounds halves up, and its weights are exact enough to meet them."""
_OPEN_END = np.iinfo(np.int64).max

Weights = Callable[[Builder, str, int], str]
"""(builder, name of the length of an axis, length after) -> name of weights (after, before)."""


def add_preprocessing(builder: Builder, record: ModelRecord) -> str:
    """Add nodes from `IMAGE`, uint8 (B, height, width, 3), RGB, to normalised images.

    Returns:
        The name of what comes out, float32 (B, 3, H, W).
    """
    pixels = _RESIZES[record.resize](builder, record.input_size_hw)
    spread = np.array(record.std, np.float64)
    scale = 1 / (record.value_range * spread)
    shift = -np.array(record.mean, np.float64) / spread
    scaled = builder.node("Mul", pixels, builder.array(scale.reshape(1, 3, 1, 1)))
    return builder.node("Add", scaled, builder.array(shift.reshape(1, 3, 1, 1)))


def _auto(builder: Builder, size_hw: tuple[int, int]) -> str:
    """Cubic when both sides grow, area when both shrink, else linear."""
    shape = builder.node("Shape", IMAGE)
    sides = [
        builder.node("Gather", shape, builder.array(axis), axis=0)
        for axis in (1, 2)  # scalars
    ]
    wanted = [builder.array(size) for size in size_hw]
    grows, shrinks = (
        builder.node(
            "And", *(builder.node(kind, *pair) for pair in zip(sides, wanted, strict=True))
        )
        for kind in ("Less", "Greater")
    )

    def change(part: Builder, size_hw: tuple[int, int]) -> str:
        """Or leave one side, or both, as they are."""
        return part.node(
            "If",
            grows,
            then_branch=_branch(part, enlarge, size_hw),
            else_branch=_branch(part, _linear, size_hw),
        )

    def enlarge(part: Builder, size_hw: tuple[int, int]) -> str:
        pixels = _planes(part)
        for axis in (3, 2):
            pixels = _weighted(part, pixels, axis, size_hw, _cubic_weights)
        return pixels

    def shrink(part: Builder, size_hw: tuple[int, int]) -> str:
        return _by_area(part, sides, size_hw)

    resized = builder.node(
        "If",
        shrinks,
        then_branch=_branch(builder, shrink, size_hw),
        else_branch=_branch(builder, change, size_hw),
    )
    return _to_grey_levels(builder, resized)


def _linear(builder: Builder, size_hw: tuple[int, int]) -> str:
    sizes = ["", "", builder.array(size_hw)]  # without region and scales
    return builder.node("Resize", _planes(builder), *sizes, mode="linear", axes=[2, 3])


def _pillow(builder: Builder, size_hw: tuple[int, int]) -> str:
    """Width first, in grey levels, then height."""
    pixels = _planes(builder)
    for axis in (3, 2):
        pixels = _weighted(builder, pixels, axis, size_hw, _triangle_weights)
        pixels = builder.node("Floor", builder.node("Add", pixels, builder.array(_HALF_UP)))
    return pixels


_RESIZES: dict[str, Callable[[Builder, tuple[int, int]], str]] = {
    "auto": _auto,
    "pil": _pillow,
    "linear": _linear,
}


def _planes(builder: Builder) -> str:
    """The pictures as float32 (B, 3, height, width)."""
    moved = builder.node("Transpose", IMAGE, perm=[0, 3, 1, 2])
    return builder.node("Cast", moved, to=TensorProto.FLOAT)


def _to_grey_levels(builder: Builder, pixels: str) -> str:
    rounded = builder.node("Round", pixels)
    return builder.node("Clip", rounded, builder.array(0.0), builder.array(255.0))


def _weighted(
    builder: Builder, planes: str, axis: int, size_hw: tuple[int, int], weights: Weights
) -> str:
    """Weighted sums along the height, axis 2, or the width, axis 3, of planes (B, 3, H, W)."""
    shape = builder.node("Shape", planes)
    side = builder.node("Gather", shape, builder.array(axis), axis=0)  # a scalar
    table = weights(builder, side, size_hw[axis - 2])
    if axis == 2:
        return builder.node("MatMul", table, planes)
    return builder.node("MatMul", planes, builder.node("Transpose", table, perm=[1, 0]))


def _triangle_weights(builder: Builder, side: str, size: int) -> str:
    """Of Pillow's bilinear: falling with the distance, which counts in pixels of the smaller side.

    (i + 0.5) * side / size is where the centre of pixel i lies in the picture.
    """
    node, array = builder.node, builder.array
    length = node("Cast", side, to=TensorProto.FLOAT)
    scale = node("Div", length, array(float(size)))
    centers = node("Mul", array(np.arange(size).reshape(-1, 1) + 0.5), scale)
    pixels = node("Range", array(0), side, array(1))
    pixels = node("Add", node("Cast", pixels, to=TensorProto.FLOAT), array(0.5))
    apart = node("Div", node("Abs", node("Sub", pixels, centers)), node("Max", scale, array(1.0)))
    weights = node("Max", node("Sub", array(1.0), apart), array(0.0))
    return node("Div", weights, node("ReduceSum", weights, array([1]), keepdims=1))


def _cubic_weights(builder: Builder, side: str, size: int) -> str:
    """Of OpenCV's bicubic: four pixels, those beyond an edge being the one at it.

    Pixel i lies at (i + 0.5) * side / size - 0.5 in the picture, here in parts of 1 / (2 * size).
    R. Keys, "Cubic convolution interpolation for digital image processing" (1981).
    """
    node, array, part = builder.node, builder.array, 2 * size
    odd = array(2 * np.arange(size).reshape(-1, 1) + 1)
    places = node("Sub", node("Mul", odd, side), array(size))
    # Division rounds to zero, so that it must not meet negative numbers.
    first = node("Sub", node("Div", node("Add", places, array(part)), array(part)), array(1))
    rest = node("Sub", places, node("Mul", first, array(part)))
    share = node("Div", node("Cast", rest, to=TensorProto.FLOAT), array(float(part)))
    steps = np.arange(-1, 3)
    apart = node("Abs", node("Sub", share, array(steps.astype(np.float32))))  # (size, 4)
    near = _polynomial(builder, apart, (_CUBIC + 2, -(_CUBIC + 3), 0, 1))
    far = _polynomial(builder, apart, (_CUBIC, -5 * _CUBIC, 8 * _CUBIC, -4 * _CUBIC))
    weights = node("Where", node("LessOrEqual", apart, array(1.0)), near, far)
    last = node("Sub", side, array(1))
    pixels = node("Min", node("Max", node("Add", first, array(steps)), array(0)), last)
    chosen = node("OneHot", pixels, side, array([0.0, 1.0]))  # (size, 4, side)
    rows = node("MatMul", node("Unsqueeze", weights, array([1])), chosen)
    return node("Squeeze", rows, array([1]))


def _polynomial(builder: Builder, x: str, factors: Sequence[float]) -> str:
    """With the factor of the highest power first."""
    value = builder.array(float(factors[0]))
    for factor in factors[1:]:
        scaled = builder.node("Mul", value, x)
        value = builder.node("Add", scaled, builder.array(float(factor)))
    return value


def _branch(
    builder: Builder, add: Callable[[Builder, tuple[int, int]], str], size_hw: tuple[int, int]
) -> Any:
    """A graph that runs on a condition; it gives float32 (B, 3, H, W)."""
    part = builder.branch()
    name = add(part, size_hw)
    output = helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 3, *size_hw])
    return helper.make_graph(part.nodes, name, [], [output])


def _by_area(builder: Builder, sides: list[str], size_hw: tuple[int, int]) -> str:
    """Means over the areas that pixels of the input cover."""
    pixels = builder.node("Cast", IMAGE, to=TensorProto.FLOAT)
    for axis, (side, size) in enumerate(zip(sides, size_hw, strict=True), start=1):
        if axis == 2:  # sums of means are no whole numbers, which float32 would round
            pixels = builder.node("Cast", pixels, to=TensorProto.DOUBLE)
        pixels = _mean_along(builder, pixels, axis, side, size)
    pixels = builder.node("Cast", pixels, to=TensorProto.FLOAT)
    pixels = builder.node("Add", pixels, _tie(builder, sides, size_hw))
    return builder.node("Transpose", pixels, perm=[0, 3, 1, 2])


def _tie(builder: Builder, sides: list[str], size_hw: tuple[int, int]) -> str:
    """What makes halves round up where OpenCV does: where both sides are halved."""
    is_half = builder.node(
        "And",
        *(
            builder.node("Equal", side, builder.array(2 * size))
            for side, size in zip(sides, size_hw, strict=True)
        ),
    )
    return builder.node("Where", is_half, builder.array(0.1), builder.array(0.0))


def _mean_along(builder: Builder, pixels: str, axis: int, side: str, size: int) -> str:
    """Means over parts of an axis of length `side`, which is cut into `size` equal parts.

    The sum up to a cut is that of the whole pixels before it and a share of the one it cuts.
    """
    node, array = builder.node, builder.array
    cuts = node("Mul", array(np.arange(size + 1)), side)  # in parts of 1 / size pixels
    last = node("Sub", side, array(1))
    whole = node("Min", node("Div", cuts, array(size)), last)
    rest = node("Sub", cuts, node("Mul", whole, array(size)))
    shape = [1] * 4
    shape[axis] = size + 1
    share = node("Div", node("CastLike", rest, pixels), node("CastLike", array(size), pixels))
    share = node("Reshape", share, array(shape))
    before = node("CumSum", pixels, array(axis), exclusive=1)
    sums = node("Gather", before, whole, axis=axis)
    crossed = node("Mul", node("Gather", pixels, whole, axis=axis), share)
    total = node("Add", *(_steps(builder, values, axis) for values in (sums, crossed)))
    length = node("Div", node("CastLike", side, pixels), node("CastLike", array(size), pixels))
    return node("Div", total, length)


def _steps(builder: Builder, values: str, axis: int) -> str:
    """Each value less the one before it."""
    ends, starts = (
        builder.node(
            "Slice", values, builder.array([begin]), builder.array([end]), builder.array([axis])
        )
        for begin, end in ((1, _OPEN_END), (0, -1))
    )
    return builder.node("Sub", ends, starts)
