"""Recognise GluonCV's detection layer at the end of a graph and replace it by ours.

That layer makes one block of rows per class, joins them all and sorts everything. Taking the best
scores first gives the same bits in a fraction of the time; see gluon_ssd/detection/decoder.py.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import (
    VARIABLE,
    Graph,
    Node,
    Output,
    Params,
    output_shapes,
    parse_graph,
    splice,
)
from gluon_ssd.deploy.mxnet.output_pattern import (
    Unrecognised,
    expect,
    kept_rows,
    sliced,
    suppression_of,
)
from gluon_ssd.deploy.mxnet.passes.select_scores_early import chosen_scores
from gluon_ssd.detection.decoder import decode_boxes, decode_detections
from gluon_ssd.detection.decoding import SCORE_ACTIVATIONS, STDS, Decoding

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class DetectionLayer:
    """What a detection layer reads, and its settings."""

    scores: Output  # (B, A, C + 1) after softmax, the background first
    offsets: Output  # coded boxes (B, A, 4)
    anchors: Output  # (1, A, 4), centre form in pixels
    num_classes: int  # foreground classes C
    decoding: Decoding


def replace_decoder(graph: Graph, params: Params, input_shapes: Mapping[str, tuple]) -> bool:
    """Replace GluonCV's detection layer at the end of a graph by ours; results keep every bit.

    Args:
        graph: changed in place.
        params: its arrays.
        input_shapes: name -> shape of every input; the number of anchors follows from it.

    Returns:
        Whether the layer was replaced. If not, the graph is unchanged: it selects first already,
        or was not recognised, and then the log says why.
    """
    if any(graph.find("topk")):
        return False  # it takes the best scores first already
    try:
        layer = find_detection_layer(graph)
    except Unrecognised as reason:
        _LOGGER.info("the detection layer of the symbol stays as it is: %s", reason)
        return False
    (anchors_shape,) = output_shapes(Graph([layer.anchors]), params, input_shapes)
    graph.heads = splice(
        graph,
        lambda scores, offsets, anchors: decode_detections(
            mx.sym,
            scores,
            offsets,
            anchors,
            layer.decoding,
            num_classes=layer.num_classes,
            num_anchors=anchors_shape[1],
        ),
        [layer.scores, layer.offsets, layer.anchors],
    )
    return True


def count_classes(graph: Graph, params: Params, input_shapes: Mapping[str, tuple]) -> int | None:
    """Foreground classes of a detector, from its detection layer or the width of its scores.

    Arguments are as of `replace_decoder`; nothing is changed. None when neither tells.
    """
    try:
        return find_detection_layer(graph).num_classes
    except Unrecognised:
        pass
    scores = [(node, 0) for op in SCORE_ACTIVATIONS for node in graph.find(op)]
    shapes = output_shapes(Graph(scores), params, input_shapes) if scores else []
    # One row of scores per anchor; attention inside a network gives other shapes.
    found = [
        (node, shape) for (node, _), shape in zip(scores, shapes, strict=True) if len(shape) == 3
    ]
    if len(found) != 1:
        return None
    ((node, (*_, width)),) = found
    chosen = chosen_scores(graph, node)
    if chosen is not node:
        ((*_, width),) = output_shapes(Graph([(chosen, 0)]), params, input_shapes)
    return width - 1 if chosen.op == "softmax" else width


def find_detection_layer(graph: Graph) -> DetectionLayer:
    """Walk from the heads back to scores, offsets and anchors."""
    kept, post_nms = kept_rows(graph)
    joined = kept.inputs[0][0]
    expect(joined.op == "Concat" and joined.number("dim", 1) == 1, "classes are not joined")
    blocks = [block for block, _ in joined.inputs]
    ids, scores, boxes = _class_blocks(blocks)
    mask, found, _ = _inputs(scores, "where", 3)
    expect(_inputs(ids, "where", 3)[0] == mask, "ids and scores have different masks")
    expect(mask[0].op == "_greater_scalar" and mask[0].inputs[0] == found, "no score threshold")
    expect(_class_count(found) == len(blocks), "some classes are left out")
    offsets, anchors, stds, plain_ops = _box_decoding(boxes)
    decoding = suppression_of(kept)
    same = mask[0].number("scalar", 0) == decoding.score_thresh
    expect(same, "two different score thresholds")
    return DetectionLayer(
        scores=found[0].inputs[0],
        offsets=offsets,
        anchors=anchors,
        num_classes=len(blocks),
        decoding=replace(decoding, post_nms=post_nms, stds=stds, plain_ops=plain_ops),
    )


def _inputs(node: Node, op: str, count: int) -> list[Output]:
    expect(node.op == op and len(node.inputs) == count, f"found {node.op} in place of {op}")
    return [_through_casts(output) for output in node.inputs]


def _through_casts(output: Output) -> Output:
    """Step over amp_multicast, which changes nothing in an fp32 graph."""
    while output[0].op == "amp_multicast":
        output = output[0].inputs[output[1]]
    return output


def _class_blocks(blocks: list[Node]) -> tuple[Node, Node, Node]:
    """The nodes of ids, scores and boxes that every class takes its column from."""
    found: list[tuple[Node, Node, Node]] = []
    for number, block in enumerate(blocks):
        columns = _inputs(block, "Concat", 3)
        ids, scores = (sliced(node, 2) for node, _ in columns[:2])
        wanted = (number, number + 1)
        expect(ids[1:] == wanted and scores[1:] == wanted, "classes are not in order")
        found.append((ids[0][0], scores[0][0], columns[2][0]))
    expect(bool(found), "there are no classes")
    expect(all(all(a is b for a, b in zip(f, found[0], strict=True)) for f in found), "mixed")
    return found[0]


def _box_decoding(boxes: Node) -> tuple[Output, Output, tuple[float, ...], bool]:
    """(offsets, anchors, stds, whether elementary operators decode) of decoded boxes."""
    if boxes.op == "_contrib_box_decode":
        offsets, anchors = _inputs(boxes, "_contrib_box_decode", 2)
        expect(boxes.number("clip", -1) <= 0, "decoding clips")
        expect(boxes.attrs.get("format", "center") == "center", "anchors are corners")
        return offsets, anchors, tuple(boxes.number(f"std{i}", 1.0) for i in range(4)), False
    variables = mx.sym.var("offsets"), mx.sym.var("anchors")
    pattern = parse_graph(decode_boxes(mx.sym, *variables, STDS, plain_ops=True).tojson())
    bound: dict[str, Output] = {}
    expect(_matches(pattern.heads[0], (boxes, 0), bound), "boxes are decoded in an unknown way")
    return bound["offsets"], bound["anchors"], STDS, True


def _matches(pattern: Output, found: Output, bound: dict[str, Output]) -> bool:
    """Whether a graph computes what a pattern does; variables of the pattern get bound."""
    wanted, found = pattern[0], _through_casts(found)
    if wanted.op == VARIABLE:
        return bound.setdefault(wanted.name, found) == found
    node = found[0]
    return (
        wanted.op == node.op
        and pattern[1] == found[1]
        and len(wanted.inputs) == len(node.inputs)
        and all(_same(value, node.attrs.get(key, value)) for key, value in wanted.attrs.items())
        and all(_matches(*pair, bound) for pair in zip(wanted.inputs, node.inputs, strict=True))
    )


def _same(one: str, other: str) -> bool:
    """Whether two attributes agree, where 0.1 and 0.10 do."""
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other


def _class_count(scores: Output) -> int | None:
    """Foreground classes in the scores, read from the reshape of the class predictions."""
    node = scores[0]
    columns, begin, end = sliced(node, 2)
    expect(begin == 1 and end is None, "the scores do not start after the background")
    expect(columns[0].op == "softmax", "the scores are no softmax")
    shaped = columns[0].inputs[0][0]
    expect(shaped.op == "Reshape", "the number of classes is unknown")
    return shaped.numbers("shape", (0, 0, 0))[-1] - 1
