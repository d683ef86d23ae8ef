"""The ordered list of graph passes, and the functions that run them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled_suppression import compile_detector
from gluon_ssd.deploy.mxnet.graph import Graph, Params, parse_graph
from gluon_ssd.deploy.mxnet.passes.fold_batch_norm import fold_batch_norm
from gluon_ssd.deploy.mxnet.passes.fold_constants import fold_constants
from gluon_ssd.deploy.mxnet.passes.join_levels import join_levels
from gluon_ssd.deploy.mxnet.passes.replace_decoder import replace_decoder
from gluon_ssd.deploy.mxnet.passes.select_scores_early import select_scores_early

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Pass:
    """One change of a graph that keeps what the graph computes.

    Attributes:
        apply: (graph, params, shapes of the inputs); it changes the graph in place and adds
            arrays to the parameters.
        keeps_bits: whether outputs stay the same to the bit. The others change sums, so they are
            not for a graph that is quantised, or that oneDNN has fused.
        exported: whether a fused export holds the result. The other passes run at every load, and
            leave a file with operators that other programs know too.
    """

    apply: Callable[[Graph, Params, Shapes], object]
    keeps_bits: bool
    exported: bool


REPLACE_DECODER = "replace the decoder"
PASSES = {
    # Before constants are folded: it recognises operators that would be folded with them.
    REPLACE_DECODER: Pass(replace_decoder, keeps_bits=True, exported=False),
    # Anchors, and the tables of numbers in the new decoder, become arrays.
    "fold constants": Pass(fold_constants, keeps_bits=True, exported=True),
    # These two and the last one are independent of one another.
    "join levels": Pass(join_levels, keeps_bits=True, exported=False),
    "select scores early": Pass(
        lambda graph, _, __: select_scores_early(graph), keeps_bits=True, exported=False
    ),
    "fold batch norm": Pass(
        lambda graph, params, _: fold_batch_norm(graph, params), keeps_bits=False, exported=True
    ),
}


def prepare(
    graph: Graph,
    params: Params,
    shapes: Shapes,
    *,
    may_round: bool = True,
    for_export: bool = False,
    without: Collection[str] = (),
) -> Params:
    """Run every pass of `PASSES` that applies, in order.

    Args:
        graph: changed in place; right for images of the given size only, of any batch length.
        params: its arrays; not changed.
        shapes: name -> shape of every input, such as (1, 3, 300, 300).
        may_round: also run passes that change the last bits; for fp32 graphs.
        for_export: run only the passes whose result a file holds.
        without: names of passes that are left out.

    Returns:
        The arrays of the changed graph.
    """
    params = dict(params)
    for name, each in PASSES.items():
        is_right = (may_round or each.keeps_bits) and (each.exported or not for_export)
        if is_right and name not in without:
            each.apply(graph, params, shapes)
    return {name: params[name] for name in graph.variables() if name in params}


def compile_block(block: Any, inputs: Sequence[Any]) -> Callable[[Sequence[Any]], list[Any]]:
    """Compile a Gluon block as a deployed model is, to time it as a part of one.

    Args:
        block: a HybridBlock of several arrays, without parameters.
        inputs: arrays of the shapes that come; only the batch length may change.

    Returns:
        From a list of arrays to a list of outputs, which may not be ready yet.
    """
    names = tuple(f"input{number}" for number in range(len(inputs)))
    symbol = mx.sym.Group(list(block(*map(mx.sym.var, names))))
    graph = parse_graph(symbol.tojson())
    shapes = {name: array.shape for name, array in zip(names, inputs, strict=True)}
    compiled = compile_detector(graph, prepare(graph, {}, shapes), ctx=mx.cpu(), inputs=names)
    return lambda arrays: compiled(*arrays)
