"""Let the network part of a fp32 detector compute in bfloat16 or float16.

Convolutions take the lower type, and what follows them keeps it as far as it can; the predictions
return to float32 before they are joined, so the decoding stays as it is. Weights are rounded once,
when the model is prepared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    lowered = _Lowering(dtype, {key: array.shape for key, array in params.items()})
    lowered.convert(halves.network)
    if not lowered.weights:
        raise ModelError(
            f"{name} has no convolution that can run in {dtype}; use float32", settings=("dtype",)
        )
    cast = {
        key: mx.nd.amp_cast(array, dtype=LOW_TYPES[dtype]) if key in lowered.weights else array
        for key, array in params.items()
    }
    return graph, cast


@dataclass
class _Lowering:
    """Walks a network from its inputs and remembers which values are in the lower type."""

    dtype: str
    shapes: dict[str, tuple[int, ...]]
    weights: set[str] = field(default_factory=set)
    _low: set[int] = field(default_factory=set)
    _casts: dict[tuple[int, int, bool], Output] = field(default_factory=dict)

    def convert(self, network: Graph) -> None:
        """Change the inputs of the nodes in place."""
        for node in network.nodes():
            if node.op == VARIABLE:
                continue
            if node.op in _COMPUTING and self._gains(node):
                node.inputs = [self._lowered(source) for source in node.inputs]
                self._low.add(id(node))
            elif node.op in _KEEPING and all(id(source) in self._low for source, _ in node.inputs):
                self._low.add(id(node))
            else:
                node.inputs = [self._restored(source) for source in node.inputs]

    def _gains(self, node: Node) -> bool:
        """Whether the lower type makes a convolution or dense layer faster."""
        filters, channels, *kernel = self.shapes[node.inputs[1][0].name]
        groups = int(node.number("num_group", 1))
        return gains(
            self.dtype,
            filters=filters,
            channels=channels * groups,
            kernel=tuple(kernel),
            groups=groups,
        )

    def _lowered(self, source: Output) -> Output:
        node = source[0]
        if node.op == VARIABLE and node.name in self.shapes:
            self.weights.add(node.name)
            return source
        return source if id(node) in self._low else self._cast(source, True)

    def _restored(self, source: Output) -> Output:
        return self._cast(source, False) if id(source[0]) in self._low else source

    def _cast(self, source: Output, down: bool) -> Output:
        node, number = source
        key = (id(node), number, down)
        if key not in self._casts:
            target = self.dtype if down else "float32"
            name = f"{node.name}_{number}_{target}"
            self._casts[key] = (Node("amp_cast", name, {"dtype": target}, [source]), 0)
        return self._casts[key]
