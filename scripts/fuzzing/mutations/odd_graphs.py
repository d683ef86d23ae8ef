"""Sound JSON of a symbol with further operators, given types, indices and lengths that are odd."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

MARK = "odd_"
"""What the names of the further nodes begin with."""
_TYPES = ("float32", "float16", "float64", "int8", "uint8", "int32", "int64", "bool")
_VALUES = (0, 1, -1, 2, 5, 100, 256, -(2**31), 2**31, 10**9, 3e38, -3e38)
_SHAPES = ((4, 4), (4, 4), (4, 4), (1, 4, 4), (4,), (2, 3), (1, 4, 8, 8))
_SCALARS = (0.3, 1, -1, 2, 7, 256, 65536, -1e9, 3e38)
_MODES = ("clip", "wrap", "raise")

Node = tuple[int, int]


class _Growing:
    """A symbol that gets further nodes."""

    def __init__(self, content: dict[str, Any]) -> None:
        self._nodes, self._heads = content["nodes"], content["heads"]
        self.data = next(i for i, node in enumerate(self._nodes) if node["name"] == "data"), 0
        self.told: list[str] = []

    def add(self, op: str, inputs: Sequence[Node] = (), **attrs: object) -> Node:
        """One more operator; its first output."""
        node: dict[str, Any] = {"op": op, "name": f"{MARK}{len(self._nodes)}"}
        node["attrs"] = {name: str(value) for name, value in attrs.items()}
        node["inputs"] = [[number, index, 0] for number, index in inputs]
        self._nodes.append(node)
        self.told.append(op)
        return len(self._nodes) - 1, 0

    def join(self, output: Node) -> None:
        """Let the scores depend on an output, but for their values."""
        number, index = self._heads[1][:2]
        total = self.add("sum", [self.add("Cast", [output], dtype="float32")], axis="None")
        nothing = self.add(
            "_mul_scalar", [self.add("Reshape", [total], shape="(1, 1, 1)")], scalar=0
        )
        small = self.add("clip", [nothing], a_min=-1, a_max=1)
        self._heads[1] = [*self.add("broadcast_add", [(number, index), small]), 0]


def grown(draw: random.Random, content: dict[str, Any]) -> str:
    """Add one to three odd operators to a symbol, in place; what was added."""
    graph = _Growing(content)
    output = draw.choice((_array(draw, graph, draw.choice(_SHAPES)), graph.data))
    for _ in range(draw.choice((1, 1, 2, 3))):
        output = draw.choice(_STEPS)(draw, graph, output)
    graph.join(output)
    return " ".join(graph.told[:8])


def _array(
    draw: random.Random, graph: _Growing, shape: tuple[int, ...], dtype: str | None = None
) -> Node:
    """Constants of a type, or any, images of it, or NaN."""
    way, dtype = draw.randrange(4), dtype or draw.choice(_TYPES)
    if way == 0 and shape[-1:] == (4,):
        return graph.add("Cast", [graph.add("_full", value=300, **_filled(shape))], dtype=dtype)
    if way == 1:
        nan = graph.add("log", [graph.add("_full", value=-1, **_filled(shape))])
        return graph.add("Cast", [nan], dtype=dtype)
    return graph.add("_full", value=draw.choice(_VALUES), **_filled(shape, dtype))


def _filled(shape: tuple[int, ...], dtype: str = "float32") -> dict[str, object]:
    return {"shape": shape, "ctx": "cpu(0)", "dtype": dtype}


def _divided(draw: random.Random, graph: _Growing, x: Node) -> Node:
    """Arrays of one type and shape, and numbers that are 0 in a small type, as divisors."""
    dtype = draw.choice(("int8", "uint8", "int32", "int64"))
    y = graph.add("_full", value=draw.choice((0, 1, 7)), **_filled((4, 4), dtype))
    name = draw.choice(("div", "mod"))
    if draw.random() < 0.5:
        scalar = draw.choice((0.3, 256, -1, 2, 65536))
        return graph.add(f"_{name}_scalar", [y], scalar=scalar)
    by = graph.add("_full", value=draw.choice((0, 0, -1, 3)), **_filled((4, 4), dtype))
    return graph.add(f"broadcast_{name}", [y, by])


def _with_scalar(draw: random.Random, graph: _Growing, x: Node) -> Node:
    names = "plus minus rminus mul div rdiv mod rmod power rpower maximum hypot equal lesser"
    return graph.add(f"_{draw.choice(names.split())}_scalar", [x], scalar=draw.choice(_SCALARS))


def _with_array(draw: random.Random, graph: _Growing, x: Node) -> Node:
    names = "add sub mul div mod power maximum hypot equal"
    y = draw.choice((x, _array(draw, graph, (1,)), _array(draw, graph, (4, 4))))
    form = draw.choice(("broadcast_{}", "broadcast_{}", "elemwise_{}", "_{}"))
    return graph.add(form.format(draw.choice(names.split())), [x, y])


def _alone(draw: random.Random, graph: _Growing, x: Node) -> Node:
    names = """
    reciprocal sqrt abs negative sign floor exp log gamma rsqrt mean sum prod norm max sort erf
    argsort argmax argmax_channel topk softmax log_softmax Flatten BlockGrad shape_array zeros_like
    _contrib_arange_like _np_cumsum L2Normalization SoftmaxActivation
    """
    return graph.add(draw.choice(names.split()), [x])


def _picked(draw: random.Random, graph: _Growing, x: Node) -> Node:
    op = draw.choice(("take", "pick", "gather_nd", "batch_take"))
    indices = _array(draw, graph, draw.choice(((4,), (1, 4), (2, 4), (4, 1))))
    attrs: dict[str, object] = {}
    if op in ("take", "pick"):
        attrs = {"axis": draw.choice((-1, 0, 1)), "mode": draw.choice(_MODES)}
    return graph.add(op, [x, indices], **attrs)


def _with_length(draw: random.Random, graph: _Growing, x: Node) -> Node:
    op = draw.choice(("softmax", "softmax", "log_softmax", "SequenceMask", "SequenceReverse"))
    rows = graph.add("_full", value=1, **_filled((8, 100)))
    if op.endswith("softmax"):
        length = graph.add("_full", value=draw.choice((50, 200, 10**6)), **_filled((8,), "int32"))
        return graph.add(op, [rows, length], axis=1, use_length="True")
    length = _array(draw, graph, (100,), "float32")
    return graph.add(op, [rows, length], use_sequence_length="True")


def _quantised(draw: random.Random, graph: _Growing, x: Node) -> Node:
    kind = {"out_type": draw.choice(("int8", "uint8")), "min_calib_range": -1, "max_calib_range": 2}
    number = graph.add("_contrib_quantize_v2", [x], **kind)[0]
    outputs = [(number, index) for index in range(3)]
    way = draw.randrange(5)
    if way == 0:
        pair = [outputs[0]] * 2 + outputs[1:] * 2
        return graph.add("_contrib_quantized_elemwise_add", pair)
    if way == 1:
        return graph.add("_contrib_quantized_act", outputs, act_type="relu")
    if way == 2:
        return graph.add("_contrib_quantized_flatten", outputs)
    if way == 3:
        pool = {"kernel": "(2, 2)", "pool_type": draw.choice(("max", "avg"))}
        return graph.add("_contrib_quantized_pooling", outputs, **pool)
    return outputs[draw.randrange(3)]


def _of_training(draw: random.Random, graph: _Growing, x: Node) -> Node:
    boxes = graph.add("_ones", **_filled((1, 4, 4)))
    if draw.random() < 0.5:
        samples, four = graph.add("_ones", **_filled((1, 4))), graph.add("_ones", **_filled((4,)))
        matches = _array(draw, graph, (1, 4), "float32")
        return graph.add("_contrib_box_encode", [samples, matches, boxes, boxes, four, four])
    labels = _array(draw, graph, (1, 2, 5), "float32")
    scores = graph.add("_ones", **_filled((1, 3, 4)))
    return graph.add("_contrib_MultiBoxTarget", [boxes, labels, scores])


_STEPS: tuple[Callable[[random.Random, _Growing, Node], Node], ...] = (
    _with_scalar,
    _divided,
    _with_array,
    _alone,
    _picked,
    _with_length,
    _quantised,
    _of_training,
)
