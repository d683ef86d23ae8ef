"""Take a detector of MXNet apart for other runtimes: its network, its anchors and its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gluon_ssd.deploy.detector_parts import DetectorParts, Operation, output_name
from gluon_ssd.deploy.mxnet.class_count import class_count
from gluon_ssd.deploy.mxnet.compiled_decoding import ENDING_INPUTS, Ending, match_ending
from gluon_ssd.deploy.mxnet.files import INPUT, Exported, check_shapes
from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node, Output, Params, output_shapes
from gluon_ssd.deploy.mxnet.output_pattern import (
    Unrecognised,
    expect,
    kept_rows,
    suppression_of,
)
from gluon_ssd.deploy.mxnet.passes.fold_constants import fold_constants
from gluon_ssd.deploy.mxnet.passes.replace_decoder import find_detection_layer
from gluon_ssd.deploy.mxnet.passes.select_scores_early import select_scores_early
from gluon_ssd.deploy.mxnet.prepare import REPLACE_DECODER, prepare
from gluon_ssd.detection.decoding import SCORE_ACTIVATIONS, Decoding
from gluon_ssd.errors import ModelError
from gluon_ssd.models.params_file import check_finite
from gluon_ssd.models.record import ModelRecord


class Ends(NamedTuple):
    """Where the decoding of a graph starts, and what it does; without anchors boxes are corners."""

    logits: Output
    offsets: Output
    anchors: Output | None
    num_classes: int
    decoding: Decoding


def detector_parts(
    exported: Exported,
    *,
    input_size_hw: tuple[int, int] | None = None,
    classes: Sequence[str] = (),
) -> DetectorParts:
    """Take a float32 detector apart; batch norm and constants are folded.

    Args:
        exported: what `read_exported` or `trace_detector` returned; its graph is changed.
        input_size_hw: height and width of the images, px, where there is no record.
        classes: their names, where there is no record.

    Raises:
        ModelError: it is quantised, its decoding is none that is known here, or the number of
            class names is another than that of its classes.
        WeightsError: an array has the wrong shape or is not finite, or the record names too few
            classes or too many.
    """
    size_hw = exported.input_size_hw(input_size_hw)
    check_float32(exported, size_hw)
    shapes = {INPUT: (1, 3, *size_hw)}
    class_count(exported, shapes)  # refuses a record that denies the graph
    ends = find_ends(exported, shapes, size_hw)
    graph = Graph([end for end in (ends.logits, ends.offsets, ends.anchors) if end is not None])
    params = prepare(graph, exported.params, shapes, without=[REPLACE_DECODER])
    logits, offsets, *stored = graph.heads
    graph.heads = [logits, offsets]
    if any(node.name not in params for node, _ in stored):
        raise ModelError(f"the anchors of {exported.name} depend on the images")
    anchors = [np.ascontiguousarray(params[node.name][0], np.float32) for node, _ in stored]
    names = names_of(graph)
    return DetectorParts(
        name=exported.name,
        operations=tuple(operations_of(graph, params, size_hw, names)),
        arrays={n: np.asarray(params[n], np.float32) for n in graph.variables() if n != INPUT},
        image=INPUT,
        scores=names[_key(logits)],
        offsets=names[_key(offsets)],
        anchors=anchors[0] if anchors else None,
        record=record_of(exported, ends, size_hw, classes),
    )


def check_float32(exported: Exported, input_size_hw: tuple[int, int]) -> None:
    """Raise ModelError or WeightsError, as of `detector_parts`, unless it can be written anew."""
    if exported.is_quantised or exported.has_onednn:
        raise ModelError(
            f"{exported.name} is quantised or fused for oneDNN, which cannot be written in another "
            "way; take the float32 model that it was made from"
        )
    # First, since the values of batch norms are looked at beside the shapes.
    check_finite(exported.params, "export an earlier checkpoint", f"{exported.name}: ")
    check_shapes(exported, input_size_hw)


def find_ends(exported: Exported, shapes: dict[str, Any], size_hw: tuple[int, int]) -> Ends:
    """Where decoding starts: GluonCV's detection layer, or the decoding that the record tells of.

    Args:
        exported: its graph and arrays are changed, to others that compute the same.
        shapes: of the input, by name.
        size_hw: height and width of the images, px.

    Raises:
        ModelError: its decoding is none that is known here.
    """
    graph, record = exported.graph, exported.record
    try:
        layer = find_detection_layer(graph)
    except Unrecognised as reason:
        why = str(reason)
    else:
        logits = layer.scores[0].inputs[0]
        return Ends(logits, layer.offsets, layer.anchors, layer.num_classes, layer.decoding)
    if record is not None:
        fold_constants(graph, exported.params, shapes)
        ending = Ending(record.decoding, len(record.classes), size_hw)
        bound, _ = match_ending(graph, exported.params, ending)
        if bound is not None:
            scores, offsets, anchors = (bound[name] for name in ENDING_INPUTS)
            if scores[0].op in SCORE_ACTIVATIONS:
                logits = scores[0].inputs[0]
                return Ends(logits, offsets, anchors, len(record.classes), record.decoding)
        why = "its decoding is not the one of its record"
    try:
        return _ends_of_rows(exported, shapes)
    except Unrecognised as reason:
        why += f", and {reason}"
    raise ModelError(
        f"{exported.name} cannot be written for other runtimes: {why}; export it anew with "
        "scripts/export_ssd.py"
    )


def _ends_of_rows(exported: Exported, shapes: dict[str, Any]) -> Ends:
    """The ends of a graph that picks the best (class, anchor) pairs and gathers their boxes.

    However it decodes boxes, the network then does it for all of them.
    """
    graph = exported.graph
    select_scores_early(graph)
    kept, post_nms = kept_rows(graph)
    expect(any(graph.find("topk")), "no best scores are selected")
    rows = kept.inputs[0][0]
    expect(rows.op == "Concat" and len(rows.inputs) == 3, "the rows are not joined")
    gathered = rows.inputs[2][0]
    expect(gathered.op == "gather_nd", f"boxes come from {gathered.op}, not from gather_nd")
    boxes = gathered.inputs[0]
    activations = [node for op in SCORE_ACTIVATIONS for node in graph.find(op)]
    expect(len(activations) == 1, f"there are {len(activations)} activations of scores")
    (activation,) = activations
    shapes_found = output_shapes(Graph([(activation, 0), boxes]), exported.params, shapes)
    expect([len(s) for s in shapes_found] == [3, 3], "scores or boxes are not rows of anchors")
    (_, anchors, width), (_, num_boxes, columns) = shapes_found
    expect((anchors, 4) == (num_boxes, columns), "scores and boxes are of other anchors")
    decoding = replace(
        suppression_of(kept),
        post_nms=post_nms,
        relative_to="corners",
        score_activation=activation.op,
    )
    num_classes = width - int(decoding.has_background)
    return Ends(activation.inputs[0], boxes, None, num_classes, decoding)


def record_of(
    exported: Exported, ends: Ends, size_hw: tuple[int, int], classes: Sequence[str]
) -> ModelRecord:
    """The record of a detector, or one that is made for it; errors as of `detector_parts`.

    Args:
        exported: the detector.
        ends: what `find_ends` found in it.
        size_hw: height and width of the images, px.
        classes: their names, where there is no record; without them they are numbered.
    """
    if exported.record is not None:
        return replace(exported.record, decoding=ends.decoding)
    if classes and len(classes) != ends.num_classes:
        raise ModelError(
            f"{exported.name} has {ends.num_classes} classes and {len(classes)} names are given",
            settings=("classes",),
        )
    names = tuple(classes) or tuple(f"class{number}" for number in range(ends.num_classes))
    return ModelRecord(
        Path(exported.name).name,
        names,
        size_hw,
        has_names=bool(classes),
        decoding=ends.decoding,
    )


def _key(output: Output) -> tuple[int, int]:
    return id(output[0]), output[1]


def names_of(graph: Graph) -> dict[tuple[int, int], str]:
    """(id of the node, number of its output) -> a name of its own, for every output that is read.

    Symbols may use one name twice.
    """
    nodes = graph.nodes()
    taken = {node.name for node in nodes if node.op == VARIABLE}
    own = {id(node): node.name for node in nodes if node.op == VARIABLE}
    for node in nodes:
        if node.op != VARIABLE:
            name = node.name
            while name in taken:
                name += "_"
            taken.add(name)
            own[id(node)] = name
    used = [*graph.heads, *((node, 0) for node in nodes)]
    used += [output for node in nodes for output in node.inputs]
    return {_key(output): output_name(own[id(output[0])], output[1]) for output in used}


def operations_of(
    graph: Graph, params: Params, size_hw: tuple[int, int], names: dict[tuple[int, int], str]
) -> list[Operation]:
    """The operators of a graph, inputs before users.

    Args:
        graph: of images float32 (B, 3, H, W) and arrays.
        params: the arrays.
        size_hw: height and width of the images, px.
        names: of `names_of`.
    """
    nodes = [node for node in graph.nodes() if node.op != VARIABLE]
    outputs = [(node, i) for node in nodes for i in range(_count_outputs(node, names))]
    one, two = (
        dict(
            zip(
                map(_key, outputs),
                output_shapes(Graph(outputs), params, {INPUT: (batch, 3, *size_hw)}),
                strict=True,
            )
        )
        for batch in (1, 2)
    )
    found = []
    for node in nodes:
        own = [key for key in map(_key, outputs) if key[0] == id(node)]
        found.append(
            Operation(
                kind=node.op,
                name=names[id(node), 0],
                settings={k: v for k, v in node.attrs.items() if not k.startswith("__")},
                inputs=tuple(names[_key(output)] for output in node.inputs),
                shapes=tuple(one[key] for key in own),
                batched=tuple(_batched(one[key], two[key]) for key in own),
            )
        )
    return found


def _count_outputs(node: Node, names: dict[tuple[int, int], str]) -> int:
    """How many outputs of an operator are looked at: up to the last one that is read."""
    return 1 + max(number for owner, number in names if owner == id(node))


def _batched(one: tuple[int, ...], two: tuple[int, ...]) -> int | None:
    """The axis that is twice as long for a batch of two."""
    axes = [axis for axis, (a, b) in enumerate(zip(one, two, strict=True)) if a != b]
    return axes[0] if axes else None
