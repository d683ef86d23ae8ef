"""Refuse batch norms that make of sound images what is no number.

A variance below 0, by more than rounding leaves, has no root, and a scale can be too large for
float32 where every parameter is finite. MXNet computes on with either, and detects nothing or what
happens to be left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node, Output, Params, subgraphs_of
from gluon_ssd.errors import WeightsError
from gluon_ssd.models.params_file import LEAST_VARIANCE

Doubles = NDArray[np.float64]

_EPS = 1e-3  # of MXNet, where the node does not say it
_NORMS = ("BatchNorm", "_contrib_SyncBatchNorm", "_contrib_quantized_batch_norm")
_LARGEST = float(np.finfo(np.float32).max)
_ADVICE = "take the weights of an earlier epoch, or export the model anew"


def check_batch_norms(graph: Graph, params: Params, name: str) -> None:
    """Look at the values of every batch norm of a graph.

    Args:
        graph: its parameters have the shapes that it needs.
        params: its arrays, all finite.
        name: of the model, for messages.

    Raises:
        WeightsError: a variance is below `LEAST_VARIANCE`; or with the batch norm folded into it, a
            filter has weights whose sum is beyond float32, as a batch norm's own scale or shift
            may be.
    """
    for node in graph.nodes():
        if node.op in _NORMS:
            _check(node, node.inputs, params, name)
        for inner in subgraphs_of(node):
            outer = dict(zip(inner.variables(), node.inputs, strict=False))
            for norm in inner.find("BatchNorm"):
                inputs = norm.inputs[:1] + [outer[each.name] for each, _ in norm.inputs[1:]]
                _check(norm, inputs, params, name, outer)


def _check(
    norm: Node,
    inputs: list[Output],
    params: Params,
    name: str,
    outer: dict[str, Output] | None = None,
) -> None:
    gamma, beta, mean, variance = (_array(source, params) for source in inputs[1:5])
    if variance is not None and (variance < LEAST_VARIANCE).any():
        raise WeightsError(
            f"{name}: the variance is below 0 in {inputs[4][0].name} ({variance.min():g}), of "
            f"which a batch norm takes the root; {_ADVICE}"
        )
    if gamma is None or beta is None or mean is None or variance is None:
        return
    if norm.flag("fix_gamma", True):
        gamma = np.ones_like(gamma)
    with np.errstate(all="ignore"):
        scale = gamma / np.sqrt(variance + norm.number("eps", _EPS))
        shift = np.abs(beta) + np.abs(mean * scale)
        most = np.max([np.abs(scale), shift, _folded(inputs[0][0], scale, params, outer or {})])
    if not most <= _LARGEST:
        raise WeightsError(
            f"{name}: weights are not finite after folding batch norms, the first is "
            f"{norm.name} ({inputs[1][0].name} up to {np.abs(gamma).max():g}); {_ADVICE}"
        )


def _folded(layer: Node, scale: Doubles, params: Params, outer: dict[str, Output]) -> Doubles:
    """The sums of all weights of each filter, without signs, and its bias, with the scale."""
    if layer.op != "Convolution":
        return np.zeros_like(scale)
    sums = np.zeros_like(scale)
    for source in layer.inputs[1:]:
        array = _array(outer.get(source[0].name, source), params)
        if array is None or len(array) != len(scale):
            return np.zeros_like(scale)
        sums = sums + np.abs(array).reshape(len(scale), -1).sum(axis=1)
    return np.abs(sums * scale)


def _array(source: Output, params: Params) -> Doubles | None:
    node, _ = source
    array = params.get(node.name) if node.op == VARIABLE else None
    return None if array is None else array.astype(np.float64)
