"""Spell the box decoding of earlier GluonCVs, back to 0.3, as today's does.

So that what recognises it, to replace it or to write it for other runtimes, knows one spelling.
"""

from __future__ import annotations

from gluon_ssd.deploy.mxnet.graph import Graph

_SIDES = ("broadcast_mul", "elemwise_mul")
"""What makes the sides of boxes, as products of exponentials and sides of anchors."""


def modernise_boxes(graph: Graph) -> None:
    """Change a graph in place, to one that computes the same bits.

    Means of 0 are not added any more, and halves of box sides are products instead of quotients.
    Other quotients stay: positions among two classes are halved too, as whole numbers.
    """
    for node in list(graph.find("_plus_scalar")):
        source, _ = node.inputs[0]
        if source.op == "_mul_scalar" and node.number("scalar", 1) == 0:
            graph.replace((node, 0), node.inputs[0])
    for node in graph.find("_div_scalar"):
        if node.number("scalar", 1) == 2 and node.inputs[0][0].op in _SIDES:
            node.op, node.attrs = "_mul_scalar", {**node.attrs, "scalar": "0.5"}
