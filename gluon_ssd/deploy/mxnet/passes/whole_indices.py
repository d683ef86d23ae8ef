"""Indices of `gather_nd` as whole numbers, so that MXNet's own check holds for all of them."""

from __future__ import annotations

from gluon_ssd.deploy.mxnet.graph import Graph, Node

_GATHER = "gather_nd"


def with_whole_indices(graph: Graph) -> Graph:
    """A graph in which what `gather_nd` picks by is made int32 first; others come back as they are.

    MXNet compares each index with the length of its axis, and NaN passes every comparison: it reads
    outside of the array then. As int32, NaN and what is too large are the least of all numbers,
    which is refused.

    Args:
        graph: it is not changed.
    """
    if next(graph.find(_GATHER), None) is None:
        return graph
    changed = graph.copy()
    changed.extra = graph.extra
    for node in changed.find(_GATHER):
        picked, indices = node.inputs
        whole = Node("Cast", f"{node.name}_indices", {"dtype": "int32"}, [indices])
        node.inputs = [picked, (whole, 0)]
    return changed
