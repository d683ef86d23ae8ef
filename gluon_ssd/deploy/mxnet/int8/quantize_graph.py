"""MXNet's quantisation pass on a network, and what has to be done around it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node, parse_graph, to_symbol
from gluon_ssd.errors import ModelError

_BACKEND = "MKLDNN_QUANTIZE"
_FUSED_CONVOLUTION = "_sg_mkldnn_conv"
_CONVOLUTIONS = ("Convolution", "Deconvolution", "FullyConnected")
_BARRIER = "BlockGrad"
_BARRIER_NAME = "unfused_"

# Every array name ends on _weight or _bias in an fp32 network; the pass would quantise the others.
Thresholds = Mapping[str, tuple[float, float]]


def with_onednn(network: Graph, *, calibrated: bool) -> Graph:
    """Let oneDNN fuse convolutions with what follows them, as its int8 kernels want it.

    Args:
        network: fp32, batch norm folded; it is not changed.
        calibrated: whether ranges will be known beforehand. If not, convolutions stay alone: a
            fused one without a range leaves its activation out (MXNet 1.9.1 with oneDNN 2.4.4).
    """
    apart = network.copy()
    for node in list(apart.nodes()):
        if node.op in _CONVOLUTIONS and not calibrated:
            barrier = Node(_BARRIER, _BARRIER_NAME + node.name, {}, [])
            apart.replace((node, 0), (barrier, 0))
            barrier.inputs = [(node, 0)]
    return parse_graph(to_symbol(apart).get_backend_symbol(_BACKEND).tojson())


def layer_names(fused: Graph) -> dict[str, str]:
    """Name of each layer in the network -> name of the fused operator it became part of.

    Layers are convolutions; one that was not fused keeps its name.
    """
    names = {}
    for node in fused.nodes():
        if node.op == _FUSED_CONVOLUTION:
            for inner in inner_nodes(node):
                if inner["op"] in _CONVOLUTIONS:
                    names[inner["name"]] = node.name
        elif node.op in _CONVOLUTIONS:
            names[node.name] = node.name
    return names


def check_layers(network: Graph, names: Iterable[str]) -> None:
    """Raise ModelError when a network has no layer of some name; it may be fused or not."""
    known = layer_names(network)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ModelError(
            f"there is no layer {unknown[0]} to keep in float; layers are {', '.join(known)}"
        )


def inner_nodes(node: Node) -> list[dict[str, Any]]:
    """The nodes that were fused into one, as in the JSON of a symbol."""
    found: list[dict[str, Any]] = []
    for part in node.extra.get("subgraphs", ()):
        part = json.loads(part) if isinstance(part, str) else part
        found += part["nodes"]
    return found


def quantized_tensors(fused: Graph, *, dtype: str, excluded: Iterable[str] = ()) -> list[str]:
    """Names of the tensors whose ranges `quantize_network` wants, as `fused` knows them."""
    return _quantize(fused, dtype, excluded)[1]


def quantize_network(
    fused: Graph,
    thresholds: Thresholds | None,
    *,
    dtype: str,
    excluded: Iterable[str] = (),
) -> Graph:
    """Let layers compute with 8-bit integers.

    Args:
        fused: from `with_onednn`.
        thresholds: tensor name -> (least, largest) value, or None to measure at run time.
        dtype: "auto", "int8" or "uint8"; see `gluon_ssd.deploy.mxnet.int8.quantize`.
        excluded: layers kept in float, by the names `layer_names` gives.

    Returns:
        The quantised graph. Its arrays are those of `fused`: weights are rounded when loaded.

    Raises:
        ModelError: an excluded layer does not exist.
    """
    symbol, _ = _quantize(fused, dtype, excluded)
    if thresholds is not None:
        symbol = mx.contrib.quantization._calibrate_quantized_sym(symbol, dict(thresholds))
    quantised = parse_graph(symbol.get_backend_symbol(_BACKEND).tojson())
    for node in list(quantised.find(_BARRIER)):
        if node.name.startswith(_BARRIER_NAME):
            quantised.replace((node, 0), node.inputs[0])
    return quantised


def _quantize(fused: Graph, dtype: str, excluded: Iterable[str]) -> tuple[Any, list[str]]:
    excluded = list(excluded)
    check_layers(fused, excluded)
    known = layer_names(fused)
    later = [source for node in fused.nodes() for source, _ in node.inputs[1:]]
    weights = {source.name for source in later if source.op == VARIABLE}
    symbol, names = mx.contrib.quantization._quantize_symbol(
        to_symbol(fused),
        mx.cpu(),
        excluded_symbols=sorted({known[name] for name in excluded}),
        excluded_operators=[],
        offline_params=sorted(weights),
        quantized_dtype=dtype,
        quantize_mode="smart",
    )
    return symbol, list(names)
