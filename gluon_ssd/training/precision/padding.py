"""Filters of zeros beside those of a convolution, so that oneDNN's fast kernels take it.

oneDNN 2.4.4 computes 16 channels at once. Where there is a rest, as in the heads (classes times
shapes), its bfloat16 kernels are up to twice as slow as float32, and those of float32 up to 2.6
times slower than with filters of zeros up to the next multiple of 16. What these filters compute is
cut off: outputs and gradients stay.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.models.low_precision import BLOCK

_Inputs = list[list[int]]  # (node, output, version) of each


def pad_filters(symbol: Any, shapes: dict[str, tuple[int, ...]], names: Collection[str]) -> Any:
    """A copy of a symbol whose convolutions have a multiple of 16 filters, and outputs as before.

    Args:
        symbol: float32; its arguments stay as they are. In the copy the shapes of
            weights do not follow from that of the data: they have to be known.
        shapes: of the arguments, (O, C, h, w) for weights.
        names: of the convolutions that are padded.
    """
    graph = _Padding(json.loads(symbol.tojson()), shapes)
    return mx.sym.load_json(json.dumps(graph.padded(names)))


class _Padding:
    """Copies nodes one by one, and remembers where each went."""

    def __init__(self, graph: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> None:
        self._graph, self._shapes = graph, shapes
        self._nodes: list[dict[str, Any]] = []
        self._places: list[int] = []  # by old index

    def padded(self, names: Collection[str]) -> dict[str, Any]:
        for node in self._graph["nodes"]:
            inputs = self._moved(node["inputs"])
            if node["op"] == "Convolution" and node["name"] in names:
                self._places.append(self._pad(node, inputs))
            else:
                self._places.append(self._add({**node, "inputs": inputs}))
        arguments = [place for place, node in enumerate(self._nodes) if node["op"] == "null"]
        return {
            "nodes": self._nodes,
            "arg_nodes": arguments,
            "node_row_ptr": list(range(len(self._nodes) + 1)),
            "heads": self._moved(self._graph["heads"]),
            "attrs": self._graph["attrs"],
        }

    def _moved(self, inputs: _Inputs) -> _Inputs:
        return [[self._places[node], *rest] for node, *rest in inputs]

    def _add(self, node: dict[str, Any]) -> int:
        self._nodes.append(node)
        return len(self._nodes) - 1

    def _pad(self, node: dict[str, Any], inputs: _Inputs) -> int:
        filters = int(node["attrs"]["num_filter"])
        more = -filters % BLOCK
        data, *arguments = inputs
        longer = [[self._with_zeros(place, more, node["name"]), 0, 0] for place, *_ in arguments]
        attributes = {**node["attrs"], "num_filter": str(filters + more)}
        place = self._add({**node, "attrs": attributes, "inputs": [data, *longer]})
        return self._add(
            {
                "op": "slice_axis",
                "name": f"{node['name']}_cut",
                "attrs": {"axis": "1", "begin": "0", "end": str(filters)},
                "inputs": [[place, 0, 0]],
            }
        )

    def _with_zeros(self, argument: int, more: int, reader: str) -> int:
        """A weight or bias with further filters, of its own for each convolution that reads it."""
        name = self._nodes[argument]["name"]
        attributes = {"shape": str((more, *self._shapes[name][1:])), "dtype": "float32"}
        own = f"{reader}_{name}"
        zeros = {"op": "_zeros", "name": f"{own}_zeros", "attrs": attributes, "inputs": []}
        return self._add(
            {
                "op": "Concat",
                "name": f"{own}_filled",
                "attrs": {"num_args": "2", "dim": "0"},
                "inputs": [[argument, 0, 0], [self._add(zeros), 0, 0]],
            }
        )
