"""What a search asks of an MXNet graph, and does to it beside the library's quantisation."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node, Params, output_shapes
from gluon_ssd.deploy.mxnet.int8.quantize_graph import inner_nodes
from gluon_ssd.deploy.mxnet.low_precision import lower_operators

_FUSED = "_sg_mkldnn"
_INT8_MAX = 127


def operators_by_type(fused: Graph) -> dict[str, tuple[str, ...]]:
    """Type of an operator -> nodes of that type and fused nodes that hold one; types sorted."""
    found: dict[str, list[str]] = {}
    for node in fused.nodes():
        for kind in {node.op, *(inner["op"] for inner in inner_nodes(node))} - {VARIABLE}:
            found.setdefault(kind, []).append(node.name)
    return {kind: tuple(found[kind]) for kind in sorted(found)}


def on_one_grid(graph: Graph, params: Params) -> Params:
    """Round the weights of every int8 operator to 127 steps that all its channels share.

    oneDNN's convolutions always scale each output channel by itself. Weights that were rounded
    here first have the accuracy of one scale for the whole tensor all the same.

    Args:
        graph: quantised; not changed.
        params: its arrays; not changed.
    """
    rounded = dict(params)
    for node in _int8_operators(graph):
        weight, _ = node.inputs[1]
        value = params[weight.name]
        step = float(np.abs(value).max()) / _INT8_MAX or 1.0
        rounded[weight.name] = (np.round(value / step) * step).astype(value.dtype)
    return rounded


def in_bfloat16(graph: Graph, names: Collection[str]) -> Graph:
    """A copy of a graph in which some float32 operators compute in bfloat16.

    Args:
        graph: not changed.
        names: of operators that are not quantised.
    """
    changed = graph.copy()
    lower_operators(changed, "bfloat16", lambda node: node.name in names)
    return changed


def weight_bytes(graph: Graph, params: Params) -> int:
    """Bytes of all weights as the operators compute with them.

    The file holds float32 in any case: MXNet rounds weights when it loads them.
    """
    total = sum(value.nbytes for name, value in params.items() if name in graph.variables())
    for node in _int8_operators(graph):
        value = params[node.inputs[1][0].name]
        total -= value.nbytes - value.size - 4 * value.shape[0]
    for node in graph.nodes():
        if node.op == "amp_cast" and node.attrs.get("dtype") == "bfloat16":
            source = node.inputs[0][0]
            if source.op == VARIABLE and source.name in params:
                total -= params[source.name].nbytes // 2
    return total


def _int8_operators(graph: Graph) -> Iterable[Node]:
    return (n for n in graph.nodes() if n.op.startswith(_FUSED) and n.flag("quantized"))


def bytes_per_image(graph: Graph, params: Params, image_shape: tuple[int, int, int]) -> int:
    """Memory for one image when nothing is used twice: all values between the operators, float32.

    Args:
        graph: a network in float32.
        params: its arrays.
        image_shape: (3, H, W).
    """
    inner = Graph([(node, 0) for node in graph.nodes() if node.op != VARIABLE])
    shapes = output_shapes(inner, params, {"data": (1, *image_shape)})
    return 4 * int(sum(np.prod(shape) for shape in shapes))
