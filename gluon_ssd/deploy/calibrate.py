"""Find the range of values of every tensor that is to be quantised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.compiled import CompiledGraph
from gluon_ssd.deploy.exported import INPUT
from gluon_ssd.deploy.graph import Graph, Output, Params, parse_graph

_SHARE = 4
"""Images a pass: more of them at once need memory and gain no time."""


def collect_thresholds(
    graph: Graph,
    params: Params,
    tensors: Sequence[str],
    batches: Sequence[np.ndarray],
    *,
    mode: str,
    ctx: Any,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, tuple[float, float]]:
    """Ranges over all calibration images.

    Args:
        graph: fp32, fused for oneDNN.
        params: its arrays.
        tensors: names of outputs of the graph, or of its input, in MXNet's spelling.
        batches: float32 (B, 3, H, W), normalised.
        mode: "naive".
        ctx: device.
        progress: told how many images of how many are done.

    Returns:
        Tensor name -> (least, largest) value.
    """
    network = CompiledGraph(_with_extremes(graph, tensors), params, ctx=ctx, inputs=(INPUT,))
    total, done = sum(len(batch) for batch in batches), 0
    lowest = np.full(len(tensors), np.inf)
    highest = np.full(len(tensors), -np.inf)
    for batch in batches:
        for start in range(0, len(batch), _SHARE):
            images = batch[start : start + _SHARE]
            values = np.array([value.asscalar() for value in network(images)])
            lowest = np.minimum(lowest, values[0::2])
            highest = np.maximum(highest, values[1::2])
            done += len(images)
            if progress:
                progress("calibrate", done, total)
    found = zip(tensors, lowest.tolist(), highest.tolist(), strict=True)
    return {name: (low, high) for name, low, high in found}


def _with_extremes(graph: Graph, tensors: Sequence[str]) -> Graph:
    """A graph that returns least and largest value of each tensor, two heads a tensor."""
    variables = [mx.sym.var(f"_tensor{number}") for number in range(len(tensors))]
    pairs = [symbol for variable in variables for symbol in (variable.min(), variable.max())]
    extremes = parse_graph(mx.sym.Group(pairs).tojson())
    outputs = tensor_outputs(graph)
    for node in list(extremes.nodes()):
        if node.name.startswith("_tensor"):
            extremes.replace((node, 0), outputs[tensors[int(node.name.removeprefix("_tensor"))]])
    return extremes


def tensor_outputs(graph: Graph) -> dict[str, Output]:
    """The outputs of a graph by the names MXNet's quantisation gives them."""
    outputs: dict[str, Output] = {}
    for node in graph.nodes():
        outputs[node.name] = node, 0
        outputs[f"{node.name}_output"] = node, 0
        for used in graph.users().get(id(node), ()):
            index = used[0].inputs[used[1]][1]
            outputs[f"{node.name}_output{index}"] = node, index
    return outputs
