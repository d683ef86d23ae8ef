"""Batch norm and padding move into the weights of the convolutions they belong to."""

from __future__ import annotations

import numpy as np

from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node, Output, Params, add_array

_CONVOLUTION = "Convolution"
_BATCH_NORM_EPS = 1e-3


def fold_batch_norm(graph: Graph, params: Params) -> None:
    """Fold all that can be folded.

    Outputs agree with the original to about 1e-5 of their size: sums are formed in another order.

    Args:
        graph: an fp32 graph for inference; changed in place.
        params: name -> array of every weight and statistic; folded ones are added.
    """
    for node in list(graph.find("Pad")):
        _fold_padding(graph, node, params)
    for node in list(graph.find("BatchNorm")):
        _fold_batch_norm(graph, node, params)


def _value(output: Output, params: Params) -> np.ndarray | None:
    node, _ = output
    return params.get(node.name) if node.op == VARIABLE else None


def _is_plain_convolution(node: Node, params: Params) -> bool:
    return (
        node.op == _CONVOLUTION
        and node.attrs.get("layout", "NCHW") in ("NCHW", "None")
        and all(_value(output, params) is not None for output in node.inputs[1:])
    )


def _fold_batch_norm(graph: Graph, norm: Node, params: Params) -> None:
    """Scale and shift the weights of the convolution in front of a batch norm.

    The convolution is copied, so that other users of it, or of its weights, see no change. A batch
    norm behind anything else becomes a scale and a shift, which need no statistics.
    """
    gamma, beta, mean, variance = (_value(output, params) for output in norm.inputs[1:])
    if gamma is None or beta is None or mean is None or variance is None:
        return
    if norm.flag("fix_gamma", True):
        gamma = np.ones_like(gamma)
    eps = norm.number("eps", _BATCH_NORM_EPS)
    scale = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + eps)
    shift = beta.astype(np.float64) - mean.astype(np.float64) * scale
    source, index = norm.inputs[0]
    if norm.numbers("axis", (1,)) != (1,):
        return
    if index == 0 and _is_plain_convolution(source, params):
        new = _scaled_convolution(source, norm.name, scale, shift, params)
    else:
        new = _as_scale_and_shift(norm, scale, shift, params)
    graph.replace((norm, 0), (new, 0))


def _scaled_convolution(
    source: Node, name: str, scale: np.ndarray, shift: np.ndarray, params: Params
) -> Node:
    weight = params[source.inputs[1][0].name]
    bias = np.zeros_like(shift)
    if not source.flag("no_bias"):
        bias = params[source.inputs[2][0].name].astype(np.float64)
    folded = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
    inputs = [
        source.inputs[0],
        add_array(params, f"{name}_folded_weight", folded.astype(np.float32)),
        add_array(params, f"{name}_folded_bias", (bias * scale + shift).astype(np.float32)),
    ]
    return Node(_CONVOLUTION, f"{name}_folded", {**source.attrs, "no_bias": "False"}, inputs)


def _as_scale_and_shift(norm: Node, scale: np.ndarray, shift: np.ndarray, params: Params) -> Node:
    def channels(kind: str, value: np.ndarray) -> Output:
        array = value.astype(np.float32).reshape(1, -1, 1, 1)
        return add_array(params, f"{norm.name}_{kind}", array)

    product = [norm.inputs[0], channels("scale", scale)]
    scaled = Node("broadcast_mul", f"{norm.name}_scaled", {}, product)
    total: list[Output] = [(scaled, 0), channels("shift", shift)]
    return Node("broadcast_add", f"{norm.name}_shifted", {}, total)


def _fold_padding(graph: Graph, pad: Node, params: Params) -> None:
    """Let the convolutions behind a zero padding pad by themselves.

    Uneven padding becomes even padding and a kernel with rows or columns of zeros in front or
    behind, which reads the same pixels at the same stride.
    """
    widths = pad.numbers("pad_width", ())
    if (
        pad.attrs.get("mode") != "constant"
        or pad.number("constant_value", 0.0) != 0.0
        or len(widths) != 8
        or any(widths[:4])
    ):
        return
    top, bottom, left, right = widths[4:]
    for user, position in graph.users().get(id(pad), []):
        if position != 0 or not _is_plain_convolution(user, params):
            continue
        if len(user.numbers("kernel", ())) != 2 or user.numbers("dilate", (1, 1)) != (1, 1):
            continue
        old_height, old_width = user.numbers("pad", (0, 0))
        height, width = max(top, bottom), max(left, right)
        weight_node = user.inputs[1][0]
        weight = params[weight_node.name]
        zeros = ((0, 0), (0, 0), (height - top, height - bottom), (width - left, width - right))
        if any(map(any, zeros)):
            weight = np.pad(weight, zeros)
            user.inputs[1] = add_array(params, f"{weight_node.name}_widened", weight)
            user.attrs["kernel"] = str(tuple(weight.shape[2:]))
        user.attrs["pad"] = str((old_height + height, old_width + width))
        user.inputs[0] = pad.inputs[0]
