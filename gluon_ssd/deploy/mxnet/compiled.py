"""A graph with its arrays on one device, compiled for repeated calls."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import Graph, to_symbol
from gluon_ssd.deploy.mxnet.operator_of import make_operator
from gluon_ssd.deploy.mxnet.passes.whole_indices import with_whole_indices
from gluon_ssd.detection.arrays import computing_problem

_ONEDNN_BACKEND = "MKLDNN"


class CompiledGraph:
    """One static operator made of a whole graph.

    Memory is planned once for each batch length; outputs are fresh arrays at every call, so a
    batch may be pushed before the results of the one before are read. Several threads may call it.

    Args:
        graph: the symbol.
        params: arrays of all variables that are not inputs, NumPy or MXNet.
        ctx: the device.
        inputs: names of the variables that come with every call, in order; those that the graph
            does not use are passed over.
        onednn: let oneDNN fuse convolutions with what follows them. For fp32 graphs on the CPU.

    Raises:
        ModelError: MXNet cannot make an operator of the graph.
    """

    def __init__(
        self,
        graph: Graph,
        params: Mapping[str, Any],
        *,
        ctx: Any,
        inputs: tuple[str, ...],
        onednn: bool = False,
    ) -> None:
        try:
            symbol = to_symbol(with_whole_indices(graph))
            if onednn:
                symbol = symbol.get_backend_symbol(_ONEDNN_BACKEND)
        except mx.MXNetError as error:
            raise computing_problem(error) from error
        names = symbol.list_inputs()
        self._ctx = ctx
        # (position among the operator's arguments, position among the inputs of a call)
        self._slots = [(names.index(n), i) for i, n in enumerate(inputs) if n in names]
        self._arguments = [None if n in inputs else on_device(params[n], ctx) for n in names]
        positions = [position for position, _ in self._slots]
        flags = [
            ("data_indices", positions),
            ("param_indices", [i for i in range(len(names)) if i not in positions]),
            ("static_alloc", True),
            ("static_shape", True),
        ]
        self._count = len(symbol.list_outputs())
        self._operator = make_operator(symbol, flags)
        self._lock = threading.Lock()  # the operator plans its memory in a call

    def __call__(self, *inputs: Any) -> list[Any]:
        """Push the computation and return its outputs, MXNet arrays that may not be ready yet.

        Raises:
            ModelError: MXNet cannot compute the graph, for types or shapes that do not fit.
        """
        arguments = list(self._arguments)
        for position, number in self._slots:
            arguments[position] = on_device(inputs[number], self._ctx)
        # Without inputs there is nothing that tells the operator where to run.
        try:
            with self._lock, self._ctx:
                outputs = self._operator(*arguments)
        # MXNet raises some of its errors as the one of Python that its message begins with.
        except (mx.MXNetError, IndexError, ValueError, TypeError) as error:
            raise computing_problem(error) from error
        found = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        return found[: self._count]


def context_of(device: str) -> Any:
    """MXNet's context of "cpu", or of "gpu:" and a number."""
    kind, _, number = device.partition(":")
    return mx.Context(kind, int(number or 0))


def device_of(ctx: Any) -> str:
    """The device of an MXNet context: "cpu", or "gpu:" and its number."""
    return f"gpu:{ctx.device_id}" if ctx.device_type == "gpu" else "cpu"


def on_device(array: Any, ctx: Any) -> Any:
    """An MXNet array on the device, of the same type; MXNet arrays already there stay as is."""
    if isinstance(array, mx.nd.NDArray):
        return array.as_in_context(ctx)
    array = np.asarray(array)
    return mx.nd.array(array, ctx, array.dtype)
