"""Raw outputs of a network to detections, as nodes of an ONNX graph.

What `detection.decoder` does: the best (class, anchor) pairs first, their boxes, then
NonMaxSuppression within each class. Equal scores are ordered as there, since TopK takes the lower
index first.

With N = A * C pairs, of which T enter suppression and K rows come out:

| name | shape | type | meaning |
|---|---|---|---|
| scores | (B, A, C) | float32 | activated, without the background |
| score, label, anchor | (B, T) | float32, int64, int64 | candidates, best first |
| boxes | (B, T, 4) | float32 | corners px |
| kept | (B, T) | float32 | the score of what suppression leaves, -1 elsewhere |
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper

from gluon_ssd.deploy.detector_parts import DetectorParts
from gluon_ssd.deploy.onnx.convert import BATCH, OPSET, float_output, raw_graph, to_model
from gluon_ssd.deploy.onnx.names import BBOXES, IDS, LABELS, SCORES
from gluon_ssd.deploy.onnx.operators import Builder
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import ModelError, OptionError

_END = np.iinfo(np.int64).max


class _Candidates(NamedTuple):
    """Names of arrays (B, T), best first, and T."""

    score: str
    label: str
    anchor: str
    length: int


class _Rows(NamedTuple):
    """Names of what comes out, by falling score, empty rows last; and K.

    `label` (B, K) int64, `score` (B, K) float32, `boxes` (B, K, 4) float32, corners px, and
    `is_there` (B, K) bool.
    """

    label: str
    score: str
    boxes: str
    is_there: str
    length: int


def detections_model(
    parts: DetectorParts,
    *,
    batch: int | None = None,
    opset: int = OPSET,
    folds_preprocessing: bool = False,
) -> onnx.ModelProto:
    """The form of this project: ids, scores and bboxes; see `names.FORMS`.

    Raises:
        ModelError: the detector's suppression is none that ONNX has.
    """
    builder = raw_graph(parts, folds_preprocessing=folds_preprocessing)
    node, array = builder.node, builder.array
    rows = _add_rows(builder, parts)
    most = _num_rows(parts)
    columns = {
        IDS: node("Unsqueeze", node("Cast", rows.label, to=TensorProto.FLOAT), array([2])),
        SCORES: node("Unsqueeze", rows.score, array([2])),
        BBOXES: rows.boxes,
    }
    there = node("Unsqueeze", rows.is_there, array([2]))
    for name, values in columns.items():
        values = node("Where", there, values, array(-1.0))
        # More rows come out than enter suppression: the rest is empty.
        padding = array([0, 0, 0, 0, most - rows.length, 0])
        builder.add("Pad", [values, padding, array(-1.0)], [name])
    size = batch or BATCH
    outputs = [float_output(n, size, most, 4 if n == BBOXES else 1) for n in columns]
    return to_model(
        parts,
        builder,
        outputs,
        batch=batch,
        opset=opset,
        folds_preprocessing=folds_preprocessing,
    )


def zoo_model(
    parts: DetectorParts,
    *,
    batch: int | None = None,
    opset: int = OPSET,
    folds_preprocessing: bool = False,
) -> onnx.ModelProto:
    """The form of the SSD in the ONNX model zoo: bboxes, labels and scores of one image.

    Boxes are shares of the image's width and height, and labels count from 1, the background being
    0, as that model's do; see `names.FORMS`.

    Raises:
        OptionError: a batch of several images is asked for.
        ModelError: the detector's suppression is none that ONNX has.
    """
    if batch not in (None, 1):
        raise OptionError(
            f"the zoo form holds the boxes of one image; got a batch of {batch}",
            settings=("batch_size",),
        )
    builder = raw_graph(parts, folds_preprocessing=folds_preprocessing)
    node, array = builder.node, builder.array
    rows = _add_rows(builder, parts)
    found = node("Cast", rows.is_there, to=TensorProto.INT64)
    num_found = node("ReduceSum", node("Squeeze", found, array([0])), array([0]), keepdims=1)
    height, width = parts.record.input_size_hw
    edges = array(np.array([width, height, width, height], np.float32))
    columns = {
        BBOXES: node("Div", rows.boxes, edges),
        LABELS: node("Add", rows.label, array(1)),
        SCORES: rows.score,
    }
    for name, values in columns.items():
        builder.add("Slice", [values, array([0]), num_found, array([1])], [name])
    outputs = [
        float_output(BBOXES, 1, "nbox", 4),
        helper.make_tensor_value_info(LABELS, TensorProto.INT64, [1, "nbox"]),
        float_output(SCORES, 1, "nbox"),
    ]
    return to_model(
        parts, builder, outputs, batch=1, opset=opset, folds_preprocessing=folds_preprocessing
    )


def _num_rows(parts: DetectorParts) -> int:
    """Rows K that come out."""
    _, num_anchors, _ = _shape_of_scores(parts)
    return parts.record.decoding.row_count(parts.num_classes, num_anchors)


def _shape_of_scores(parts: DetectorParts) -> tuple[int, int, int]:
    for operation in parts.operations:
        if operation.name == parts.scores:
            (batch, anchors, columns), *_ = operation.shapes
            return batch, anchors, columns
    raise ModelError(f"{parts.name} has no output called {parts.scores}")


def _add_rows(builder: Builder, parts: DetectorParts) -> _Rows:
    decoding = parts.record.decoding
    if not decoding.suppresses:
        raise ModelError(
            f"{parts.name} suppresses nothing, which a file with suppression cannot say; write the "
            "raw form",
            settings=("form",),
        )
    node, array = builder.node, builder.array
    best = _best(builder, _activated(builder, parts), parts)
    boxes = _boxes(builder, best, parts)
    num_rows = min(_num_rows(parts), best.length)
    table = _by_class(builder, best, parts)
    limits = (num_rows, decoding.largest_overlap, decoding.score_floor)
    chosen = node("NonMaxSuppression", boxes, table, *(array(limit) for limit in limits))
    places = node("Gather", chosen, array([0, 2]), axis=1)  # image and candidate
    nothing = node(
        "ConstantOfShape",
        node("Shape", best.score),
        value=helper.make_tensor("empty", TensorProto.FLOAT, [1], [-1.0]),
    )
    scores = node("GatherND", best.score, places)
    kept = node("ScatterND", nothing, places, scores)
    score, order = _top(builder, kept, num_rows, axis=1)
    rows = node("Unsqueeze", order, array([2]))
    return _Rows(
        label=node("GatherElements", best.label, order, axis=1),
        score=score,
        boxes=node("GatherND", boxes, rows, batch_dims=1),
        is_there=node("Greater", score, array(-0.5)),
        length=num_rows,
    )


def _activated(builder: Builder, parts: DetectorParts) -> str:
    """Scores (B, A, C)."""
    if not parts.record.decoding.has_background:
        return builder.node("Sigmoid", parts.scores)
    scores = builder.node("Softmax", parts.scores, axis=2)
    return _cut(builder, scores, 1, _END, axis=2)


def _cut(builder: Builder, values: str, begin: int, end: int, *, axis: int) -> str:
    return builder.node("Slice", values, *(builder.array([n]) for n in (begin, end, axis)))


def _top(builder: Builder, values: str, count: int, *, axis: int) -> tuple[str, str]:
    """The largest and where they are, equal ones by their place."""
    names = [f"{values}_{end}" for end in ("best", "order")]
    builder.add("TopK", [values, builder.array([count])], names, axis=axis)
    return names[0], names[1]


def _best(builder: Builder, scores: str, parts: DetectorParts) -> _Candidates:
    decoding = parts.record.decoding
    _, num_anchors, _ = _shape_of_scores(parts)
    if decoding.one_class:
        return _best_of_anchors(builder, scores, decoding, num_anchors)
    if decoding.topk_of == "image":
        return _best_of_image(builder, scores, decoding, (num_anchors, parts.num_classes))
    if decoding.topk_of == "class":
        return _best_of_classes(builder, scores, decoding, (num_anchors, parts.num_classes))
    return _best_of_levels(builder, scores, decoding, (num_anchors, parts.num_classes))


def _flat(builder: Builder, values: str) -> str:
    return builder.node("Flatten", values, axis=1)


def _best_of_image(
    builder: Builder, scores: str, decoding: Decoding, shape: tuple[int, int]
) -> _Candidates:
    num_anchors, num_classes = shape
    total = num_anchors * num_classes
    count = min(decoding.nms_topk, total) if decoding.nms_topk > 0 else total
    by_class = _flat(builder, builder.node("Transpose", scores, perm=[0, 2, 1]))
    score, place = _top(builder, by_class, count, axis=1)
    size = builder.array(num_anchors)
    return _Candidates(
        score, builder.node("Div", place, size), builder.node("Mod", place, size), count
    )


def _best_of_anchors(
    builder: Builder, scores: str, decoding: Decoding, num_anchors: int
) -> _Candidates:
    count = min(decoding.nms_topk, num_anchors) if decoding.nms_topk > 0 else num_anchors
    best = builder.node("ReduceMax", scores, builder.array([2]), keepdims=0)
    label = builder.node("ArgMax", scores, axis=2, keepdims=0)  # the first one on a tie
    score, anchor = _top(builder, best, count, axis=1)
    return _Candidates(score, builder.node("GatherElements", label, anchor, axis=1), anchor, count)


def _best_of_classes(
    builder: Builder, scores: str, decoding: Decoding, shape: tuple[int, int]
) -> _Candidates:
    num_anchors, num_classes = shape
    count, *_ = decoding.group_counts(num_classes, num_anchors)
    by_class = builder.node("Transpose", scores, perm=[0, 2, 1])
    if decoding.later_wins:
        ends = (builder.array([n]) for n in (-1, -_END, 2, -1))
        by_class = builder.node("Slice", by_class, *ends)
    score, anchor = _top(builder, by_class, count, axis=2)  # (B, C, count)
    if decoding.later_wins:
        anchor = builder.node("Sub", builder.array(num_anchors - 1), anchor)
    labels = builder.array(np.arange(num_classes).reshape(1, -1, 1))
    label = builder.node("Expand", labels, builder.node("Shape", anchor))
    score, label, anchor = (_flat(builder, part) for part in (score, label, anchor))
    return _in_order(builder, score, label, anchor, num_classes * count)


def _best_of_levels(
    builder: Builder, scores: str, decoding: Decoding, shape: tuple[int, int]
) -> _Candidates:
    num_anchors, num_classes = shape
    counts = decoding.group_counts(num_classes, num_anchors)
    columns: tuple[list[str], list[str], list[str]] = ([], [], [])
    begin, size = 0, builder.array(num_classes)
    for anchors, count in zip(decoding.level_anchors, counts, strict=True):
        level = _flat(builder, _cut(builder, scores, begin, begin + anchors, axis=1))
        score, place = _top(builder, level, count, axis=1)
        within = builder.node("Div", place, size)
        found = (
            score,
            builder.node("Mod", place, size),
            builder.node("Add", within, builder.array(begin)),
        )
        for column, part in zip(columns, found, strict=True):
            column.append(part)
        begin += anchors
    score, label, anchor = (builder.node("Concat", *column, axis=1) for column in columns)
    return _in_order(builder, score, label, anchor, sum(counts))


def _in_order(builder: Builder, score: str, label: str, anchor: str, count: int) -> _Candidates:
    """Candidates by falling score."""
    best, order = _top(builder, score, count, axis=1)
    label, anchor = (
        builder.node("GatherElements", part, order, axis=1) for part in (label, anchor)
    )
    return _Candidates(best, label, anchor, count)


def _boxes(builder: Builder, best: _Candidates, parts: DetectorParts) -> str:
    """Corners px of the candidates, (B, T, 4)."""
    node, array, decoding = builder.node, builder.array, parts.record.decoding
    rows = node("Unsqueeze", best.anchor, array([2]))
    offsets = node("GatherND", parts.offsets, rows, batch_dims=1)
    if parts.anchors is None:
        return offsets
    anchors = node("Gather", array(parts.anchors), best.anchor, axis=0)
    scaled = node("Mul", offsets, array(np.array(decoding.stds, np.float32)))
    shift, ratio = (_cut(builder, scaled, begin, begin + 2, axis=2) for begin in (0, 2))
    center, size = (_cut(builder, anchors, begin, begin + 2, axis=2) for begin in (0, 2))
    if decoding.size_clip > 0:
        ratio = node("Min", ratio, array(decoding.size_clip))
    middle = node("Add", node("Mul", shift, size), center)
    reach = node("Mul", node("Mul", node("Exp", ratio), size), array(0.5))
    ends = [node("Sub", middle, reach), node("Add", middle, reach)]
    if decoding.clips:
        edges = array(np.array(parts.record.input_size_hw[::-1], np.float32))
        ends = [node("Min", node("Max", end, array(0.0)), edges) for end in ends]
    return node("Concat", *ends, axis=2)


def _by_class(builder: Builder, best: _Candidates, parts: DetectorParts) -> str:
    """Scores (B, C, T), -1 where a candidate has another class; (B, 1, T) of all classes."""
    node, array = builder.node, builder.array
    score, label = (node("Unsqueeze", part, array([1])) for part in (best.score, best.label))
    if not parts.record.decoding.per_class:
        return score
    own = node("Equal", label, array(np.arange(parts.num_classes).reshape(1, -1, 1)))
    return node("Where", own, score, array(-1.0))
