"""MXNet's static operator of a whole symbol, with or without gradients inside."""

from __future__ import annotations

from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import parse_graph
from gluon_ssd.deploy.mxnet.symbol_check.int8 import INT8
from gluon_ssd.detection.arrays import computing_problem


def make_operator(symbol: Any, flags: list[tuple[str, Any]]) -> Any:
    """An operator (CachedOp) of a symbol.

    MXNet also prepares the gradients, which some operators, such as an addition of 8-bit integers,
    do not have. With these, the operator is made of another symbol, whose gradients are 0.

    Args:
        symbol: a group of outputs.
        flags: (name, value) of each option of the operator.

    Returns:
        What takes the arrays in the order of `symbol.list_inputs()`. Its first outputs are those of
        the symbol; more can follow.

    Raises:
        ModelError: MXNet cannot make one.
    """
    try:
        return mx.nd.CachedOp(symbol, flags)
    except mx.MXNetError:
        pass  # the next one tells what is wrong, if it is something else
    try:
        return mx.nd.CachedOp(_without_gradients(symbol), flags)
    except mx.MXNetError as error:
        raise computing_problem(error) from error


def _without_gradients(symbol: Any) -> Any:
    """The symbol, nothing in which is asked for a gradient: each of its ends is a BlockGrad.

    Outputs that nothing takes count too. Those of quantised operators are ranges of one number.
    """
    inside = symbol.get_internals()
    graph = parse_graph(inside.tojson())
    taken = {(id(node), index) for user in graph.nodes() for node, index in user.inputs}
    left = [
        inside[position]
        for position, (node, index) in enumerate(graph.heads)
        if node.op in INT8 and (id(node), index) not in taken
    ]
    return mx.sym.Group([mx.sym.BlockGrad(output) for output in [*symbol, *left]])
