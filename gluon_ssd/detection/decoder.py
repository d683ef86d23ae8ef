"""Class scores and box offsets to detections: the best candidates first, then suppression.

GluonCV's layer decodes every box, builds one (anchors x 6) block per class, concatenates all of
them and lets `box_nms` sort everything. Only `nms_topk` rows of that survive the sort, so here the
best (class, anchor) pairs are selected first and only their boxes are decoded. The output is the
same to the last bit, order of equal scores included.

Arrays on the way, with N = A * C candidates and T = nms_topk:

| name | shape | dtype | meaning |
|---|---|---|---|
| scores | (B, A, C) or (B, A, C + 1) | float32 | with the background first, or without |
| label, anchor | (B, T) | int32 | the best candidates, best first |
| rows | (B, T, 6) | float32 | class, score, corners px |
"""

from __future__ import annotations

from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.detection.candidates import Best, select_best
from gluon_ssd.detection.decoding import SCORE_ACTIVATIONS, Decoding
from gluon_ssd.errors import ModelError


def decode_boxes(
    F: Any, box_offsets: Any, anchors: Any, stds: tuple[float, ...], *, plain_ops: bool = False
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

    Returns:
        (B, N, 4), corners px, not clipped.
    """
    if not plain_ops:
        return F.contrib.box_decode(box_offsets, anchors, *stds, clip=-1, format="center")
    x, y, width, height = F.split(anchors, axis=-1, num_outputs=4)
    offsets = F.split(box_offsets, axis=-1, num_outputs=4)
    center_x = F.broadcast_add(F.broadcast_mul(offsets[0] * stds[0], width), x)
    center_y = F.broadcast_add(F.broadcast_mul(offsets[1] * stds[1], height), y)
    half_width = F.broadcast_mul(F.exp(offsets[2] * stds[2]), width) * 0.5
    half_height = F.broadcast_mul(F.exp(offsets[3] * stds[3]), height) * 0.5
    return F.concat(
        center_x - half_width,
        center_y - half_height,
        center_x + half_width,
        center_y + half_height,
        dim=-1,
    )


class DetectionDecoder(mx.gluon.HybridBlock):
    """Raw network outputs to (ids (B, K, 1), scores (B, K, 1), bboxes_px (B, K, 4)).

    Args:
        num_classes: foreground classes C.
        decoding: what is done with the outputs.

    Raises:
        ModelError: the activation of the scores is unknown.
    """

    def __init__(self, num_classes: int, decoding: Decoding = Decoding()) -> None:  # noqa: B008
        super().__init__()
        if decoding.score_activation not in SCORE_ACTIVATIONS:
            raise ModelError(
                f"scores are activated by {' or '.join(SCORE_ACTIVATIONS)}; "
                f"got {decoding.score_activation!r}"
            )
        self.num_classes = num_classes
        self.decoding = decoding
        self._num_anchors: int | None = None

    def expect_anchors(self, num_anchors: int) -> bool:
        """Tell how many anchors come, which a graph cannot know.

        Returns:
            Whether a graph traced before does not fit that number. This block drops its own; one
            around it must do the same.
        """
        is_stale = self._graph_for(num_anchors) != self._graph_for(self._num_anchors)
        self._num_anchors = num_anchors
        if is_stale:
            self._clear_cached_op()
        return is_stale

    def _graph_for(self, num_anchors: int | None) -> tuple[Any, ...]:
        """What the number of anchors decides about the graph."""
        if num_anchors is None:
            return None, self.decoding.post_nms
        selects_first = self.decoding.selects_first(self.num_classes, num_anchors)
        num_rows = min(num_anchors * self.num_classes, self.decoding.post_nms)
        return num_anchors if selects_first else None, num_rows

    def forward(self, class_logits: Any, *args: Any) -> Any:
        """Run the block; arrays of another size than the last ones need another graph."""
        if isinstance(class_logits, mx.nd.NDArray):
            self.expect_anchors(class_logits.shape[1])
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
            self.decoding,
            num_classes=self.num_classes,
            num_anchors=self._num_anchors,
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

    Returns:
        ids (B, K, 1), scores (B, K, 1), bboxes_px (B, K, 4), sorted by score; unused rows are -1.
        Without suppression all A * C candidates, class by class, with id -1 and score 0 for those
        below the threshold.
    """
    if F is mx.nd:
        num_anchors = scores.shape[1]
    if num_anchors is not None and decoding.selects_first(num_classes, num_anchors):
        best = select_best(
            F,
            scores,
            num_classes=num_classes,
            count=decoding.nms_topk,
            num_anchors=num_anchors,
            score_thresh=decoding.score_thresh,
            has_background=decoding.has_background,
        )
        rows = _best_rows(F, best, box_offsets, anchors, decoding)
    else:
        rows = _all_rows(F, scores, box_offsets, anchors, decoding, num_classes)
    if decoding.suppresses:
        rows = F.contrib.box_nms(
            rows,
            overlap_thresh=decoding.largest_overlap,
            topk=decoding.nms_topk,
            valid_thresh=decoding.score_thresh,
            id_index=0,
            score_index=1,
            coord_start=2,
            force_suppress=not decoding.per_class,
        )
        if decoding.post_nms > 0:
            most = decoding.post_nms if num_anchors is None else num_anchors * num_classes
            rows = F.slice_axis(rows, axis=1, begin=0, end=min(decoding.post_nms, most))
    ids, detection_scores, boxes = (
        F.slice_axis(rows, axis=2, begin=begin, end=end) for begin, end in ((0, 1), (1, 2), (2, 6))
    )
    return ids, detection_scores, boxes


def _best_rows(F: Any, best: Best, box_offsets: Any, anchors: Any, decoding: Decoding) -> Any:
    """The best candidates as rows (B, T, 6), equal scores in the original's order."""
    # No reshaping of what may be an input of the graph: MXNet would copy all of it.
    offsets = F.gather_nd(box_offsets, F.stack(best.image, best.anchor, axis=0))
    own_anchors = F.take(anchors, best.anchor, axis=1)
    boxes = decode_boxes(
        F,
        F.reshape(offsets, (1, -1, 4)),
        F.reshape(own_anchors, (1, -1, 4)),
        decoding.stds,
        plain_ops=decoding.plain_ops,
    )
    return F.concat(
        F.expand_dims(F.cast(best.label, "float32"), 2),
        F.expand_dims(best.score, 2),
        F.reshape(boxes, (-1, decoding.nms_topk, 4)),
        dim=2,
    )


def _all_rows(
    F: Any, scores: Any, box_offsets: Any, anchors: Any, decoding: Decoding, num_classes: int
) -> Any:
    """Every candidate as a row (B, C * A, 6), class by class."""
    if decoding.has_background:
        scores = F.slice_axis(scores, axis=-1, begin=1, end=None)
    boxes = decode_boxes(F, box_offsets, anchors, decoding.stds, plain_ops=decoding.plain_ops)
    by_class = F.expand_dims(F.transpose(scores, (0, 2, 1)), 3)  # (B, C, A, 1)
    labels = F.broadcast_like(
        F.reshape(F.arange(num_classes), (1, -1, 1, 1)), by_class, lhs_axes=(0, 2), rhs_axes=(0, 2)
    )
    is_candidate = by_class > decoding.score_thresh
    labels = F.where(is_candidate, labels, -F.ones_like(labels))
    kept = F.where(is_candidate, by_class, F.zeros_like(by_class))
    boxes = F.tile(F.expand_dims(boxes, 1), (1, num_classes, 1, 1))
    return F.reshape(F.concat(labels, kept, boxes, dim=3), (0, -3, 6))
