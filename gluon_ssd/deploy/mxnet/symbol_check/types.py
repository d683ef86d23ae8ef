"""Check what the operators of a graph compute with: whole numbers only where that is safe.

A division of whole numbers by 0, or of the least one by -1, ends the process, and MXNet asks for
neither. An average divides by a count, which can be 0 as an 8-bit integer. So whole numbers may
enter only operators that move, count, compare, pick, add and multiply, and divisions by a number of
the symbol that is positive as one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node, Output, Params, output_types
from gluon_ssd.deploy.mxnet.symbol_check.int8 import INT8
from gluon_ssd.errors import ModelError, last_line

_MOVE = """
    _copy BlockGrad Flatten Reshape reshape_like expand_dims squeeze transpose SwapAxis Concat stack
    SliceChannel _split_v2 slice slice_axis slice_like reverse broadcast_like broadcast_axis
    broadcast_to tile repeat where _identity_with_attr_like_rhs
""".split()
_PICK = "take batch_take pick gather_nd sort argsort topk argmax argmin".split()
_COUNT = """
    zeros_like ones_like shape_array size_array _contrib_arange_like Cast amp_cast amp_multicast
""".split()
_COMPARISONS = """
    equal not_equal greater greater_equal lesser lesser_equal logical_and logical_or logical_xor
    maximum minimum
""".split()
_SUMS = """
    elemwise_add elemwise_sub elemwise_mul broadcast_add broadcast_sub broadcast_mul add_n
    _plus_scalar _minus_scalar _rminus_scalar _mul_scalar negative abs sign square clip
    logical_not floor ceil trunc fix rint round sum max min _np_cumsum
""".split()
WITH_WHOLE_NUMBERS = {
    *_MOVE,
    *_PICK,
    *_COUNT,
    *_SUMS,
    *(form.format(each) for form in ("_{}", "broadcast_{}", "_{}_scalar") for each in _COMPARISONS),
    *INT8,
}
"""Operators that whole numbers may enter."""
_BY_A_NUMBER = ("_div_scalar", "_mod_scalar")
_MOST_DIVISOR = 2**31 - 1
# Only training computes them: in a detector's file they stand where the cut leaves them out.
_TRAINING = ("_contrib_MultiBoxTarget",)
_ADVICE = "export the model with float32 there"


def check_types(graph: Graph, params: Params, inputs: Iterable[str], source: str) -> None:
    """Refuse operators that must not compute with what comes to them.

    Args:
        graph: of `read_graph`, without what is cut from it.
        params: its arrays.
        inputs: names of its inputs, float32.
        source: its file, for messages.

    Raises:
        ModelError: whole numbers enter an operator that could divide by them, types do not fit one
            another, or an operator is left that only training has.
    """
    operators = [node for node in graph.nodes() if node.op != VARIABLE]
    for node in operators:
        if node.op in _TRAINING:
            raise ModelError(
                f"{source}: {node.name} ({node.op}) is computed in training only; export the "
                "detector without it"
            )
    checked = [node for node in operators if node.op not in WITH_WHOLE_NUMBERS]
    types = _types([source for node in checked for source in node.inputs], params, inputs, source)
    for node in checked:
        for before, index in node.inputs:
            kind = types[id(before), index]
            if kind is not None and kind.kind in "iub" and not _divides_safely(node, kind):
                raise ModelError(
                    f"{source}: {node.name} ({node.op}) takes whole numbers ({kind}) of "
                    f"{before.name}, with which a division could end the process; {_ADVICE}"
                )


def _divides_safely(node: Node, kind: np.dtype) -> bool:
    if node.op not in _BY_A_NUMBER or kind.kind == "b":
        return False
    # MXNet makes the divisor a number of the array's type.
    return 1 <= node.number("scalar", 1) <= min(np.iinfo(kind).max, _MOST_DIVISOR)


def _types(
    outputs: list[Output], params: Params, inputs: Iterable[str], source: str
) -> Mapping[tuple[int, int], np.dtype | None]:
    """(id(node), output) -> type."""
    wanted: dict[tuple[int, int], tuple[Node, int]] = {(id(n), i): (n, i) for n, i in outputs}
    if not wanted:
        return {}
    try:
        found = output_types(
            Graph(list(wanted.values())), params, dict.fromkeys(inputs, np.float32)
        )
    except mx.MXNetError as error:
        raise ModelError(
            f"{source}: its types do not fit one another ({last_line(error)}); export it anew"
        ) from error
    return dict(zip(wanted, found, strict=True))
