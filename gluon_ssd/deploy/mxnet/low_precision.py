"""Let the network part of a fp32 detector compute in bfloat16 or float16.

Convolutions take the lower type, and what follows them keeps it as far as it can; the predictions
return to float32 before they are joined, so the decoding stays as it is. Weights are rounded once,
when the model is prepared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import INPUT
from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node, Output
from gluon_ssd.deploy.mxnet.halves import split_at_predictions
from gluon_ssd.errors import ModelError
from gluon_ssd.models.low_precision import gains

LOW_TYPES: dict[str, Any] = {
    "float16": np.float16,
    "bfloat16": np.dtype([("bfloat16", np.uint16)]),  # as MXNet knows it
}

_COMPUTING = ("Convolution", "FullyConnected")
_KEEPING = ("Activation", "Pooling", "relu", "elemwise_add", "_plus", "broadcast_add", "add_n")


def lower_network(
    graph: Graph, params: Mapping[str, Any], dtype: str, name: str
) -> tuple[Graph, dict[str, Any]]:
    """A detector whose network computes in another type, as a new graph and its arrays.

    Args:
        graph: fp32; not changed.
        params: its arrays, of MXNet, on a device that has the type.
        dtype: "float16" or "bfloat16".
        name: of the detector, for messages.

    Raises:
        ModelError: the graph does not show where its network ends, or nothing in it can change.
    """
    graph = graph.copy()
    halves = split_at_predictions(graph, INPUT)
    if halves is None:
        raise ModelError(
            f"{name} does not show where its network ends and decoding starts, so it cannot "
            f"run in {dtype}; use float32",
            settings=("dtype",),
        )
    shapes = {key: array.shape for key, array in params.items()}

    def computes(node: Node) -> bool:
        return node.op in _COMPUTING and _gains(node, dtype, shapes[node.inputs[1][0].name])

    weights = lower_operators(halves.network, dtype, computes, keeping=_KEEPING, stored=shapes)
    if not weights:
        raise ModelError(
            f"{name} has no convolution that can run in {dtype}; use float32", settings=("dtype",)
        )
    cast = {
        key: mx.nd.amp_cast(array, dtype=LOW_TYPES[dtype]) if key in weights else array
        for key, array in params.items()
    }
    return graph, cast


def _gains(node: Node, dtype: str, weight_shape: tuple[int, ...]) -> bool:
    """Whether the lower type makes a convolution or dense layer faster."""
    filters, channels, *kernel = weight_shape
    groups = int(node.number("num_group", 1))
    return gains(
        dtype,
        filters=filters,
        channels=channels * groups,
        kernel=tuple(kernel),
        groups=groups,
    )


def lower_operators(
    graph: Graph,
    dtype: str,
    computes: Callable[[Node], bool],
    *,
    keeping: Collection[str] = (),
    stored: Collection[str] = (),
) -> set[str]:
    """Let some operators of a graph compute in a lower type; all others and the heads get float32.

    Args:
        graph: fp32; its nodes are changed in place.
        dtype: "float16" or "bfloat16".
        computes: whether an operator takes the lower type, whatever comes in.
        keeping: kinds of operators that take it where all their inputs have it.
        stored: arrays that the caller can store in the lower type, so that they need no cast.

    Returns:
        The `stored` arrays that are read in the lower type.
    """
    low: set[int] = set()
    casts: dict[tuple[int, int], Output] = {}
    weights: set[str] = set()

    def read(source: Output, is_low: bool) -> Output:
        node, number = source
        if is_low and node.op == VARIABLE and node.name in stored:
            weights.add(node.name)
            return source
        if is_low == (id(node) in low):
            return source
        if (id(node), number) not in casts:
            target = dtype if is_low else "float32"
            name = f"{node.name}_{number}_{target}"
            casts[id(node), number] = Node("amp_cast", name, {"dtype": target}, [source]), 0
        return casts[id(node), number]

    for node in graph.nodes():
        if node.op == VARIABLE:
            continue
        keeps = node.op in keeping and all(id(source) in low for source, _ in node.inputs)
        is_low = keeps or computes(node)
        node.inputs = [read(source, is_low) for source in node.inputs]
        if is_low:
            low.add(id(node))
    graph.heads = [read(head, False) for head in graph.heads]
    return weights
