"""Compute once, when a model is loaded, what its graph would compute again for every batch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph
from gluon_ssd.deploy.mxnet.graph import (
    VARIABLE,
    Graph,
    Node,
    Output,
    Params,
    add_array,
    output_shapes,
)
from gluon_ssd.detection.arrays import as_numpy

_NO_ARRAY = "_no_array"
_RANDOM = ("_random", "_sample", "Dropout")


def fold_constants(graph: Graph, params: Params, input_shapes: Mapping[str, tuple]) -> None:
    """Replace every part of the graph that is the same for all images by a stored array.

    These are mainly the anchors: a stored grid, cropped to the size of a feature map, or numbers
    counted along one. For one input size the crop and the count are fixed.

    Args:
        graph: changed in place; right for images of the given size only, for any batch length.
        params: its arrays; computed ones are added.
        input_shapes: name -> shape of every input, such as (1, 3, 300, 300).
    """
    _fix_crops(graph, params, input_shapes)
    _fix_counts(graph, params, input_shapes)
    ends = _constant_ends(graph, params)
    if not ends:
        return
    # MXNet compiles no graph without an array, and tables of numbers start from none.
    constants = Graph([*ends, (Node(VARIABLE, _NO_ARRAY), 0)])
    arrays = {**params, _NO_ARRAY: np.zeros(1, np.float32)}
    used = {name: arrays[name] for name in constants.variables()}
    values = CompiledGraph(constants, used, ctx=mx.cpu(), inputs=())()[: len(ends)]
    for (node, index), value in zip(ends, values, strict=True):
        stored = add_array(params, f"{node.name}_constant{index}", as_numpy(value))
        graph.replace((node, index), stored)


def _fix_crops(graph: Graph, params: Params, input_shapes: Mapping[str, tuple]) -> None:
    """Turn crops to the size of another array into crops to a known size.

    Crops along the batch axis stay: the batch length may change.
    """
    crops = [node for node in graph.find("slice_like") if 0 not in node.numbers("axes", (0,))]
    if not crops:
        return
    shapes = output_shapes(Graph([(node, 0) for node in crops]), params, input_shapes)
    for node, shape in zip(crops, shapes, strict=True):
        axes = [axis % len(shape) for axis in node.numbers("axes", ())]
        ends = [str(size) if axis in axes else "None" for axis, size in enumerate(shape)]
        begins = ["0" if axis in axes else "None" for axis in range(len(shape))]
        node.op, node.inputs = "slice", node.inputs[:1]
        node.attrs = {"begin": f"({', '.join(begins)})", "end": f"({', '.join(ends)})"}


def _fix_counts(graph: Graph, params: Params, input_shapes: Mapping[str, tuple]) -> None:
    """Turn numbers counted along an axis of another array into numbers up to a known one.

    Along the batch axis they stay: the batch length may change.
    """
    along_batch = ("None", "0")  # None counts all numbers of the array
    counts = [
        node
        for node in graph.find("_contrib_arange_like")
        if node.attrs.get("axis", "None") not in along_batch
    ]
    if not counts:
        return
    shapes = output_shapes(Graph([(node, 0) for node in counts]), params, input_shapes)
    for node, (length,) in zip(counts, shapes, strict=True):
        start, step = node.number("start", 0.0), node.number("step", 1.0)
        repeat = int(node.number("repeat", 1))
        stop = start + step * (length // repeat)
        node.op, node.inputs = "_arange", []
        node.attrs = {"start": str(start), "stop": str(stop), "step": str(step)}
        node.attrs |= {"repeat": str(repeat), "dtype": "float32"}


def _constant_ends(graph: Graph, params: Params) -> list[Output]:
    """Outputs of constant operators that something not constant, or nothing, uses."""
    constant: set[int] = set()
    for node in graph.nodes():
        if node.op == VARIABLE:
            is_constant = node.name in params
        else:
            sources_constant = all(id(source) in constant for source, _ in node.inputs)
            is_constant = sources_constant and not node.op.startswith(_RANDOM)
        if is_constant:
            constant.add(id(node))
    uses = [node.inputs for node in graph.nodes() if id(node) not in constant]
    ends = {
        (id(node), index): (node, index)
        for outputs in [*uses, graph.heads]
        for node, index in outputs
        if id(node) in constant and node.op != VARIABLE
    }
    return list(ends.values())
