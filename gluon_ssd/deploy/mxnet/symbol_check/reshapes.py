"""Check, one after the other, that what is given another shape has elements.

MXNet divides by the length of axes that are kept to find that of an axis called -1: one of 0 ends
the process while shapes are worked out, before anything can be said of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from gluon_ssd.deploy.mxnet.graph import Graph, Node, Output, Params, output_shapes
from gluon_ssd.errors import ModelError

_RESHAPE = "Reshape"


def check_reshapes(
    graph: Graph, params: Params, input_shapes: Mapping[str, tuple[int, ...]], name: str
) -> None:
    """Work out shapes in front of every Reshape, those behind fewer of them first.

    Args:
        graph, params, input_shapes: as of `output_shapes`.
        name: of the model, for messages.

    Raises:
        ModelError: what is given another shape has an axis of length 0, or of an unknown one.
        MXNetError: the shapes do not fit one another.
    """
    for nodes in _by_depth(graph):
        # Only Reshapes whose arrays were looked at come before these.
        sources: list[Output] = [node.inputs[0] for node in nodes]
        for (source, _), shape in zip(
            sources, output_shapes(Graph(sources), params, input_shapes), strict=True
        ):
            if min(shape, default=0) <= 0:
                raise ModelError(
                    f"{name}: the size of {source.name} ({source.op}) does not follow from that of "
                    "the images, or is 0; the file is damaged or was changed, export it anew"
                )


def _by_depth(graph: Graph) -> list[list[Node]]:
    """Reshapes by how many others are in front of them at most."""
    depths: dict[int, int] = {}
    found: list[list[Node]] = []
    for node in graph.nodes():
        depth = max((depths[id(source)] for source, _ in node.inputs), default=0)
        if node.op == _RESHAPE:
            if depth == len(found):
                found.append([])
            found[depth].append(node)
            depth += 1
        depths[id(node)] = depth
    return found
