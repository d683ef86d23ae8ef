"""Compile a Gluon block the way a deployed model is made, to time it as a part of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled_suppression import compile_detector
from gluon_ssd.deploy.mxnet.graph import parse_graph
from gluon_ssd.deploy.mxnet.passes.fold_constants import fold_constants


def compile_block(block: Any, inputs: Sequence[Any]) -> Callable[[Sequence[Any]], list[Any]]:
    """Make a callable of a block without parameters the way a deployed model is made.

    Args:
        block: a HybridBlock of several arrays.
        inputs: arrays of the shapes that come; only the batch length may change.

    Returns:
        From a list of arrays to a list of outputs, which may still be in work.
    """
    names = tuple(f"input{number}" for number in range(len(inputs)))
    symbol = mx.sym.Group(list(block(*map(mx.sym.var, names))))
    graph = parse_graph(symbol.tojson())
    shapes = {name: array.shape for name, array in zip(names, inputs, strict=True)}
    constants = fold_constants(graph, {}, shapes)
    compiled = compile_detector(graph, constants, ctx=mx.cpu(), inputs=names)
    return lambda arrays: compiled(*arrays)
