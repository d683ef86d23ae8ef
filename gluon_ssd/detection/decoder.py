"""Class scores and box offsets to detections: the best candidates first, then suppression.

GluonCV's layer decodes every box, builds one (anchors x 6) block per class, concatenates all of
them and lets `box_nms` sort everything. Only `nms_topk` rows of that survive the sort, so here the
best (class, anchor) pairs are selected first and only their boxes are decoded. The output is the
same to the last bit, order of equal scores included.

Where the best of each class or of each level count, `group_candidates` chooses them.

Arrays on the way, with N = A * C candidates and T = nms_topk:

| name | shape | dtype | meaning |
|---|---|---|---|
| scores | (B, A, C) or (B, A, C + 1) | float32 | with the background first, or without |
| label, anchor | (B, T) | int32 | the best candidates, best first |
| rows | (B, T, 6) | float32 | class, score, corners px |
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from gluon_ssd.compat import mx
from gluon_ssd.detection.candidates import Best, select_best
from gluon_ssd.detection.decoding import Decoding, check_decoding
from gluon_ssd.detection.group_candidates import best_of_classes, best_of_levels, best_rows
from gluon_ssd.detection.one_class_candidates import best_of_anchors, rows_of_anchors
from gluon_ssd.errors import ModelError


def decode_boxes(
    F: Any,
    box_offsets: Any,
    anchors: Any,
    stds: tuple[float, ...],
    *,
    plain_ops: bool = False,
    size_clip: float = 0.0,
) -> Any:
    """Offsets to corners in pixels of the network input.

    GluonCV has two variants that differ in the last bit: `contrib.box_decode`, one operator, which
    it uses for networks built without zoo weights, and elementary operators, which it uses for
    those built with them (`minimal_opset`) and which other compilers understand. The single
    operator is the default here; use the other to repeat such a network to the last bit, or to
    hand the graph on.

    Args:
        F: mx.nd or mx.sym.
        box_offsets: (B, N, 4).
        anchors: (1, N, 4), centre form, px.
        stds: what the offsets were divided by, one for each coordinate.
        plain_ops: use elementary operators only.
        size_clip: largest logarithm of a size ratio; 0 for no limit.

    Returns:
        (B, N, 4), corners px, not clipped.
    """
    if not plain_ops:
        clip = size_clip if size_clip > 0 else -1
        return F.contrib.box_decode(box_offsets, anchors, *stds, clip=clip, format="center")
    x, y, width, height = F.split(anchors, axis=-1, num_outputs=4)
    offsets = F.split(box_offsets, axis=-1, num_outputs=4)
    center_x = F.broadcast_add(F.broadcast_mul(offsets[0] * stds[0], width), x)
    center_y = F.broadcast_add(F.broadcast_mul(offsets[1] * stds[1], height), y)
    ratios = [offsets[2] * stds[2], offsets[3] * stds[3]]
    if size_clip > 0:
        ratios = [F.minimum(ratio, size_clip) for ratio in ratios]
    half_width = F.broadcast_mul(F.exp(ratios[0]), width) * 0.5
    half_height = F.broadcast_mul(F.exp(ratios[1]), height) * 0.5
    return F.concat(
        center_x - half_width,
        center_y - half_height,
        center_x + half_width,
        center_y + half_height,
        dim=-1,
    )


class Expected(NamedTuple):
    """What a graph cannot know of its inputs.

    Attributes:
        num_anchors: A; None where that is not known.
        level_anchors: anchors of each level; only needed where levels count.
        input_size_hw: (height, width) of the images, px; only needed where boxes are clipped.
    """

    num_anchors: int | None = None
    level_anchors: tuple[int, ...] = ()
    input_size_hw: tuple[int, int] | None = None


class DetectionDecoder(mx.gluon.HybridBlock):
    """Raw network outputs to (ids (B, K, 1), scores (B, K, 1), bboxes_px (B, K, 4)).

    Args:
        num_classes: foreground classes C.
        decoding: what is done with the outputs.

    Raises:
        ModelError: the activation of the scores is unknown, or `decoding` asks for what is not
            there; see `decoding.check_decoding`.
    """

    def __init__(self, num_classes: int, decoding: Decoding = Decoding()) -> None:  # noqa: B008
        super().__init__()
        check_decoding(decoding)
        self.num_classes = num_classes
        self.decoding = decoding
        self._expected = Expected()

    def expect(self, expected: Expected) -> bool:
        """Tell what comes, which a graph cannot know.

        Returns:
            Whether a graph traced before does not fit that. This block drops its own; one around
            it must do the same.
        """
        is_stale = self._graph_for(expected) != self._graph_for(self._expected)
        self._expected = expected
        if is_stale:
            self._clear_cached_op()
        return is_stale

    def _graph_for(self, expected: Expected) -> tuple[Any, ...]:
        """What the numbers that are expected decide about the graph."""
        num_anchors, levels, size_hw = expected
        size_hw = size_hw if self.decoding.clips else None
        if num_anchors is None or self.decoding.topk_of != "image" or self.decoding.one_class:
            return num_anchors, self.decoding.post_nms, levels, size_hw
        selects_first = self.decoding.selects_first(self.num_classes, num_anchors)
        num_rows = min(num_anchors * self.num_classes, self.decoding.post_nms)
        return num_anchors if selects_first else None, num_rows, levels, size_hw

    def forward(self, class_logits: Any, *args: Any) -> Any:
        """Run the block; arrays of another size than the last ones need another graph."""
        if isinstance(class_logits, mx.nd.NDArray):
            self.expect(self._expected._replace(num_anchors=class_logits.shape[1]))
        return super().forward(class_logits, *args)

    def hybrid_forward(
        self, F: Any, class_logits: Any, box_offsets: Any, anchors: Any
    ) -> tuple[Any, Any, Any]:
        """Detections of a batch; see the class."""
        is_softmax = self.decoding.score_activation == "softmax"
        scores = F.softmax(class_logits, axis=-1) if is_softmax else F.sigmoid(class_logits)
        return decode_detections(
            F,
            scores,
            box_offsets,
            anchors,
            replace(self.decoding, level_anchors=self._expected.level_anchors),
            num_classes=self.num_classes,
            num_anchors=self._expected.num_anchors,
            input_size_hw=self._expected.input_size_hw,
        )


def decode_detections(
    F: Any,
    scores: Any,
    box_offsets: Any,
    anchors: Any,
    decoding: Decoding,
    *,
    num_classes: int,
    num_anchors: int | None = None,
    input_size_hw: tuple[int, int] | None = None,
) -> tuple[Any, Any, Any]:
    """Activated scores, offsets and anchors to detections, on arrays or symbols.

    Args:
        F: mx.nd or mx.sym, to match the three inputs.
        scores: (B, A, C + 1) with the background first, or (B, A, C) without: see `decoding`.
        box_offsets: (B, A, 4).
        anchors: (1, A, 4), centre form, px.
        decoding: thresholds, counts and stds.
        num_classes: C.
        num_anchors: A; without it symbols sort every candidate, and must have at least
            `post_nms` of them. Arrays tell it themselves.
        input_size_hw: (height, width) px that boxes are clipped to, where `decoding` says so.

    Returns:
        ids (B, K, 1), scores (B, K, 1), bboxes_px (B, K, 4), sorted by score; unused rows are -1.
        Without suppression all candidates, with id -1 and score 0 for those below the threshold:
        A * C, class by class, or the A anchors in their order where each has one class.

    Raises:
        ModelError: the numbers of anchors or the input size are needed and not there.
    """
    if F is mx.nd:
        num_anchors = scores.shape[1]
    if decoding.clips and input_size_hw is None:
        raise ModelError("boxes are clipped to an input whose size is not known")
    if decoding.topk_of != "image" and decoding.suppresses:
        counts = decoding.group_counts(num_classes, num_anchors)
        best = _best_of_groups(F, scores, decoding, num_classes, num_anchors, counts)
        rows = _best_rows(F, best, box_offsets, anchors, decoding, sum(counts), input_size_hw)
        return _columns(F, _suppress_groups(F, rows, decoding, counts))
    if num_anchors is not None and decoding.selects_first(num_classes, num_anchors):
        best = _best_of_image(F, scores, decoding, num_classes, num_anchors)
        count = decoding.nms_topk
        rows = _best_rows(F, best, box_offsets, anchors, decoding, count, input_size_hw)
    else:
        boxes = decoded(F, box_offsets, anchors, decoding, input_size_hw)
        rows = _all_rows(F, scores, boxes, decoding, num_classes)
    if decoding.suppresses:
        rows = _suppressed(F, rows, decoding, topk=decoding.nms_topk)
        if decoding.post_nms > 0:
            most = decoding.post_nms
            if num_anchors is not None:
                most = decoding.row_count(num_classes, num_anchors)
            rows = F.slice_axis(rows, axis=1, begin=0, end=most)
    return _columns(F, rows)


def _best_of_image(
    F: Any, scores: Any, decoding: Decoding, num_classes: int, num_anchors: int
) -> Best:
    """The best candidates over all classes of each image."""
    if decoding.one_class:
        return best_of_anchors(
            F,
            _without_background(F, scores, decoding),
            num_anchors=num_anchors,
            count=decoding.nms_topk,
            score_thresh=decoding.score_floor,
        )
    return select_best(
        F,
        scores,
        num_classes=num_classes,
        count=decoding.nms_topk,
        num_anchors=num_anchors,
        score_thresh=decoding.score_floor,
        has_background=decoding.has_background,
    )


def _without_background(F: Any, scores: Any, decoding: Decoding) -> Any:
    """Scores (B, A, C)."""
    if not decoding.has_background:
        return scores
    return F.slice_axis(scores, axis=-1, begin=1, end=None)


def _columns(F: Any, rows: Any) -> tuple[Any, Any, Any]:
    ids, scores, boxes = (
        F.slice_axis(rows, axis=2, begin=begin, end=end) for begin, end in ((0, 1), (1, 2), (2, 6))
    )
    return ids, scores, boxes


def _suppressed(F: Any, rows: Any, decoding: Decoding, *, topk: int) -> Any:
    return F.contrib.box_nms(
        rows,
        overlap_thresh=decoding.largest_overlap,
        topk=topk,
        valid_thresh=decoding.score_floor,
        id_index=0,
        score_index=1,
        coord_start=2,
        force_suppress=not decoding.per_class,
    )


def _best_of_groups(
    F: Any,
    scores: Any,
    decoding: Decoding,
    num_classes: int,
    num_anchors: int | None,
    counts: tuple[int, ...],
) -> Best:
    """The best candidates of each class or level, `counts` of them."""
    scores = _without_background(F, scores, decoding)
    if decoding.topk_of == "level":
        return best_of_levels(
            F,
            scores,
            num_classes=num_classes,
            level_anchors=decoding.level_anchors,
            count=max(counts),
            score_thresh=decoding.score_floor,
        )
    assert num_anchors is not None, "without it there are no counts"
    return best_of_classes(
        F,
        scores,
        num_anchors=num_anchors,
        count=counts[0],
        score_thresh=decoding.score_floor,
        later_wins=decoding.later_wins,
    )


def _suppress_groups(F: Any, rows: Any, decoding: Decoding, counts: tuple[int, ...]) -> Any:
    """The kept rows (B, K, 6) of those of each class or level."""
    total = sum(counts)
    kept = min(decoding.post_nms, total) if decoding.post_nms > 0 else total
    if decoding.topk_of == "level":
        rows = _suppressed(F, rows, decoding, topk=-1)
        return F.slice_axis(rows, axis=1, begin=0, end=kept)
    # Classes leave one another alone: each is an image of its own, and as short.
    rows = _suppressed(F, F.reshape(rows, (-1, counts[0], 6)), decoding, topk=-1)
    rows = F.reshape(rows, (-1, total, 6))
    scores = F.reshape(F.slice_axis(rows, axis=2, begin=1, end=2), (0, -1))
    return best_rows(F, rows, scores, num_rows=total, count=kept, score_thresh=decoding.score_floor)


def decoded(
    F: Any,
    box_offsets: Any,
    anchors: Any,
    decoding: Decoding,
    input_size_hw: tuple[int, int] | None,
) -> Any:
    """Boxes as `decoding` says, clipped to the input where it does; see `decode_boxes`."""
    boxes = decode_boxes(
        F,
        box_offsets,
        anchors,
        decoding.stds,
        plain_ops=decoding.plain_ops,
        size_clip=decoding.size_clip,
    )
    if not decoding.clips or input_size_hw is None:
        return boxes
    height, width = input_size_hw
    sides = zip(F.split(boxes, axis=-1, num_outputs=4), (width, height) * 2, strict=True)
    return F.concat(*(F.clip(side, 0, limit) for side, limit in sides), dim=-1)


def _best_rows(
    F: Any,
    best: Best,
    box_offsets: Any,
    anchors: Any,
    decoding: Decoding,
    num_rows: int,
    input_size_hw: tuple[int, int] | None,
) -> Any:
    """The best candidates as rows (B, `num_rows`, 6), equal scores in the original's order."""
    # No reshaping of what may be an input of the graph: MXNet would copy all of it.
    offsets = F.gather_nd(box_offsets, F.stack(best.image, best.anchor, axis=0))
    own_anchors = F.take(anchors, best.anchor, axis=1)
    boxes = decoded(
        F,
        F.reshape(offsets, (1, -1, 4)),
        F.reshape(own_anchors, (1, -1, 4)),
        decoding,
        input_size_hw,
    )
    return F.concat(
        F.expand_dims(F.cast(best.label, "float32"), 2),
        F.expand_dims(best.score, 2),
        F.reshape(boxes, (-1, num_rows, 4)),
        dim=2,
    )


def _all_rows(F: Any, scores: Any, boxes: Any, decoding: Decoding, num_classes: int) -> Any:
    """Every candidate as a row (B, C * A, 6), class by class; boxes are (B, A, 4).

    Where an anchor has one class they are (B, A, 6), in the order of the anchors.
    """
    scores = _without_background(F, scores, decoding)
    if decoding.one_class:
        return rows_of_anchors(F, scores, boxes, score_thresh=decoding.score_floor)
    by_class = F.expand_dims(F.transpose(scores, (0, 2, 1)), 3)  # (B, C, A, 1)
    labels = F.broadcast_like(
        F.reshape(F.arange(num_classes), (1, -1, 1, 1)), by_class, lhs_axes=(0, 2), rhs_axes=(0, 2)
    )
    is_candidate = by_class > decoding.score_floor
    labels = F.where(is_candidate, labels, -F.ones_like(labels))
    kept = F.where(is_candidate, by_class, F.zeros_like(by_class))
    boxes = F.tile(F.expand_dims(boxes, 1), (1, num_classes, 1, 1))
    return F.reshape(F.concat(labels, kept, boxes, dim=3), (0, -3, 6))
