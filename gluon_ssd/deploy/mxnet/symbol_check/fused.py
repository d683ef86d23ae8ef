"""oneDNN's fused operators: a subgraph in which a layer is followed by what was fused with it.

MXNet takes the shape of the subgraph on trust: it reads the convolution that it looks for without
asking whether there is one, and believes the flags of the node.
"""

from __future__ import annotations

from collections.abc import Sequence

from gluon_ssd.deploy.mxnet.graph import VARIABLE, Node, Output
from gluon_ssd.deploy.mxnet.symbol_check.int8 import FUSED_CONVOLUTION, FUSED_FULLY_CONNECTED
from gluon_ssd.deploy.mxnet.symbol_check.operator import Values

_ACTIVATIONS = ("Activation", "LeakyReLU", "clip")
_ELEMENTWISE = (*_ACTIVATIONS, "square", "sqrt", "exp", "abs")
_SUM = "elemwise_add"


def fused_problem(
    op: str, values: Values, nodes: Sequence[Node], heads: Sequence[Output]
) -> str | None:
    """What is wrong with the subgraph of a fused operator; None where nothing is.

    Args:
        op: the operator.
        values: its attributes.
        nodes: those of its subgraph, each of them checked.
        heads: the outputs of its subgraph.
    """
    chain = [node for node in nodes if node.op != VARIABLE]
    first = "Convolution" if op == FUSED_CONVOLUTION else "FullyConnected"
    kinds = [node.op for node in chain]
    if not chain or kinds[0] != first or kinds.count(first) != 1:
        return f"its subgraph must begin with one {first}, got {', '.join(kinds[:5]) or 'nothing'}"
    if list(heads) != [(chain[-1], 0)]:
        return "its subgraph must have the last operator as its only output"
    before: Node | None = None
    for node in chain:
        inner = [source for source, _ in node.inputs if source.op != VARIABLE]
        if inner != ([before] if before else []):
            return "its subgraph must be a chain of operators"
        if node.attrs.get("act_type") == "prelu":  # whose gamma oneDNN does not know of
            return "its subgraph must not have a PReLU"
        before = node
    wanted = _convolution_flags(kinds[1:]) if op == FUSED_CONVOLUTION else _dense_flags(kinds[1:])
    if wanted is None:
        return f"its subgraph must not fuse {', '.join(kinds[1:6])} with {first}"
    for names, is_wanted in wanted.items():
        if any(bool(values.get(name)) for name in names) != is_wanted:
            return f"{names[0]} must be {is_wanted} for its subgraph of {', '.join(kinds[:6])}"
    return None


def fused_inputs(op: str, values: Values, nodes: Sequence[Node]) -> int:
    """How many inputs a fused operator has: its subgraph's, and ranges where it is quantised."""
    count = sum(node.op == VARIABLE for node in nodes)
    if not values.get("quantized"):
        return count
    if op == FUSED_FULLY_CONNECTED:
        layer = next(node for node in nodes if node.op == "FullyConnected")
        # Least and largest value of the data, and of weights and bias where not for each channel.
        return count + (2 if values.get("channel_wise_quantize") else 2 * len(layer.inputs))
    return count + (4 if values.get("with_sum") else 2)


def _convolution_flags(kinds: list[str]) -> dict[tuple[str, ...], bool] | None:
    """Flags of a node by what follows its convolution; None for what cannot follow."""
    rest = list(kinds)
    flags: dict[tuple[str, ...], bool] = {}
    for names, allowed in (
        (("with_bn",), ("BatchNorm",)),
        (("with_act", "with_relu"), _ACTIVATIONS),
        (("with_sum",), (_SUM,)),
    ):
        flags[names] = bool(rest) and rest[0] in allowed
        rest = rest[flags[names] :]
    has_last = flags[("with_sum",)] and bool(rest) and rest[0] in _ACTIVATIONS
    flags[("with_postsum_act", "with_postsum_relu")] = has_last
    return None if rest[has_last:] else flags


def _dense_flags(kinds: list[str]) -> dict[tuple[str, ...], bool] | None:
    if len(kinds) > 1 or any(kind not in _ELEMENTWISE for kind in kinds):
        return None
    return {("with_eltwise", "with_relu"): bool(kinds)}
