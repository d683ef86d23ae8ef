"""Spell the box decoding of earlier GluonCVs, back to 0.3, as today's does.

So that what recognises it, to replace it or to write it for other runtimes, knows one spelling.
"""

from __future__ import annotations

from gluon_ssd.deploy.mxnet.graph import Graph


def modernise_boxes(graph: Graph) -> None:
    """Change a graph in place, to one that computes the same bits.

    Means of 0 are not added any more, and halves are products instead of quotients.
    """
    for node in list(graph.find("_plus_scalar")):
        source, _ = node.inputs[0]
        if source.op == "_mul_scalar" and node.number("scalar", 1) == 0:
            graph.replace((node, 0), node.inputs[0])
    for node in graph.find("_div_scalar"):
        if node.number("scalar", 1) == 2:
            node.op, node.attrs = "_mul_scalar", {**node.attrs, "scalar": "0.5"}
