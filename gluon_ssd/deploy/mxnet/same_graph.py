"""Whether one graph computes what another does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node, Output

Array = Callable[[str], np.ndarray | None]
_HIDDEN = "__"


def match_graph(
    pattern: Graph, found: Graph, stored: Array, found_stored: Array
) -> dict[str, Output] | None:
    """Hold a graph against a pattern, operator by operator.

    Args:
        pattern: variables without an array are open: any output may stand there, always the same.
        found: the graph.
        stored, found_stored: the array of a variable of each, or None where it has none.

    Returns:
        Name of each open variable -> what stands there; None where the graphs differ.
    """
    bound: dict[str, Output] = {}
    seen: dict[int, Node] = {}

    def agree(wanted: Output, output: Output) -> bool:
        (one, index), (other, other_index) = wanted, output
        if one.op == VARIABLE:
            array = stored(one.name)
            if array is None:
                return bound.setdefault(one.name, output) == output
            other_array = found_stored(other.name) if other.op == VARIABLE else None
            return other_array is not None and np.array_equal(array, other_array)
        if index != other_index:
            return False
        if id(one) in seen:
            return seen[id(one)] is other
        seen[id(one)] = other
        return (
            one.op == other.op
            and _settings(one) == _settings(other)
            and len(one.inputs) == len(other.inputs)
            and all(map(agree, one.inputs, other.inputs))
        )

    if len(pattern.heads) != len(found.heads):
        return None
    return bound if all(map(agree, pattern.heads, found.heads)) else None


def _settings(node: Node) -> dict[str, str | float]:
    """The parameters, numbers as such; names that start with two underscores are for others."""
    return {key: _value(text) for key, text in node.attrs.items() if not key.startswith(_HIDDEN)}


def _value(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text.replace(" ", "")
