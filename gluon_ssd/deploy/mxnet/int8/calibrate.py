"""Find the range of values of every tensor that is to be quantised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.files import INPUT
from gluon_ssd.deploy.mxnet.graph import Graph, Output, Params, splice
from gluon_ssd.deploy.ranges.cut import Range, entropy_range
from gluon_ssd.deploy.ranges.histogram import Histogram
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.errors import ModelError

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""

# Images a pass. More of them at once gain no time; entropy needs every value on this side.
_NAIVE_SHARE, _ENTROPY_SHARE = 4, 1


def collect_thresholds(
    graph: Graph,
    params: Params,
    tensors: Sequence[str],
    batches: Sequence[np.ndarray],
    *,
    mode: str,
    progress: Progress | None = None,
) -> dict[str, Range] | None:
    """Ranges over all calibration images; the order of the images does not matter.

    Memory does not grow with their number: extremes or histograms are kept, never the values.

    Args:
        graph: fp32, fused for oneDNN.
        params: its arrays.
        tensors: names of outputs of the graph, or of its input, in MXNet's spelling.
        batches: float32 (B, 3, H, W), normalised.
        mode: "naive" takes the least and the largest value, "entropy" cuts rare large values off
            where `best_cut` finds the rounded distribution closest to the real one.
        progress: called as images are done.

    Returns:
        Tensor name -> (least, largest) value. Of "entropy" these are (0, t) where no value is
        negative and (-t, t) elsewhere. None for the mode "none", where each range is measured at
        run time.

    Raises:
        ModelError: some value of a tensor is not finite.
    """
    if mode == "none":
        return None
    known = tensor_outputs(graph)
    outputs = [known[name] for name in tensors]
    if mode == "naive":
        outputs = splice(graph, _least_and_largest, outputs)
    network = CompiledGraph(Graph(outputs), params, ctx=mx.cpu(), inputs=(INPUT,))
    collect = _extremes if mode == "naive" else _entropy_ranges
    ranges = zip(tensors, collect(network, tensors, batches, progress), strict=True)
    return {name: _usable(name, *extremes) for name, extremes in ranges}


def _usable(name: str, low: float, high: float) -> Range:
    if not np.isfinite([low, high]).all():
        raise ModelError(
            f"the output {name} of the fp32 network is not finite for some calibration image; "
            "check its weights and how the images are normalised"
        )
    # A layer that gives zeros only: any range will do, but none of size 0, by which is divided.
    return (low, high) if max(-low, high) > 0 else (0.0, 1.0)


def _passes(
    batches: Sequence[np.ndarray], share: int, progress: Progress | None
) -> Iterator[np.ndarray]:
    """The images in small shares; tells after each how many are done."""
    total, done = sum(len(batch) for batch in batches), 0
    for batch in batches:
        for start in range(0, len(batch), share):
            images = batch[start : start + share]
            yield images
            done += len(images)
            if progress:
                progress("calibrate", done, total)


def _least_and_largest(*tensors: Any) -> list[Any]:
    return [extreme for tensor in tensors for extreme in (tensor.min(), tensor.max())]


def _extremes(
    network: CompiledGraph,
    tensors: Sequence[str],
    batches: Sequence[np.ndarray],
    progress: Progress | None,
) -> list[Range]:
    lowest, highest = np.full(len(tensors), np.inf), np.full(len(tensors), -np.inf)
    for images in _passes(batches, _NAIVE_SHARE, progress):
        values = np.array([value.asscalar() for value in network(images)])
        lowest = np.minimum(lowest, values[0::2])
        highest = np.maximum(highest, values[1::2])
    return list(zip(lowest.tolist(), highest.tolist(), strict=True))


def _entropy_ranges(
    network: CompiledGraph,
    tensors: Sequence[str],
    batches: Sequence[np.ndarray],
    progress: Progress | None,
) -> list[Range]:
    histograms = [Histogram() for _ in tensors]
    for images in _passes(batches, _ENTROPY_SHARE, progress):
        for name, histogram, output in zip(tensors, histograms, network(images), strict=True):
            values = as_numpy(output)
            _usable(name, float(values.min()), float(values.max()))
            histogram.add(values)
    return [entropy_range(histogram) for histogram in histograms]


def tensor_outputs(graph: Graph) -> dict[str, Output]:
    """The outputs of a graph by the names MXNet's quantisation gives them."""
    outputs: dict[str, Output] = {}
    users = graph.users()
    for node in graph.nodes():
        outputs[node.name] = node, 0
        outputs[f"{node.name}_output"] = node, 0
        for used in users.get(id(node), ()):
            index = used[0].inputs[used[1]][1]
            outputs[f"{node.name}_output{index}"] = node, index
    return outputs
