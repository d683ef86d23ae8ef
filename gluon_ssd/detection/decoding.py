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

from dataclasses import dataclass, replace
from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.detection.candidates import most_ranks, run_length, select_best
from gluon_ssd.errors import ModelError

STDS = (0.1, 0.1, 0.2, 0.2)


@dataclass(frozen=True)
class DecodeSettings:
    """Thresholds and counts; meanings as in `DetectionDecoder`."""

    nms_thresh: float = 0.45
    nms_topk: int = 400
    post_nms: int = 100
    score_thresh: float = 0.01
    stds: tuple[float, ...] = STDS
    plain_ops: bool = False

    @property
    def suppresses(self) -> bool:
        """Whether suppression is on."""
        return 0 < self.nms_thresh < 1

    def selects_first(self, num_classes: int, num_anchors: int | None) -> bool:
        """Whether the best candidates alone give the same output as all of them would.

        Not so without suppression, which returns all of them, and where more rows come out than
        enter it; nor where ranks of equal scores do not fit below the next score. Where the number
        of anchors is not known, all of them enter.
        """
        if num_anchors is None:
            return False
        enough_left = 0 < self.post_nms <= self.nms_topk
        enough_there = num_anchors * num_classes >= self.nms_topk
        length = run_length(num_anchors, num_classes, self.nms_topk)
        stride = most_ranks(self.score_thresh) // (num_classes + 1)
        ranks_fit = num_anchors // length <= stride
        return self.suppresses and enough_left and enough_there and ranks_fit


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
        nms_thresh: IoU above which the lower of two boxes of one class goes; <= 0 or >= 1 turns
            suppression off, and every candidate comes out.
        nms_topk: candidates that enter suppression, over all classes of an image; <= 0 for all.
        post_nms: rows K that come out; <= 0 for all.
        score_thresh: a candidate must exceed it.
        stds: what the box offsets were divided by.
        score_activation: "softmax" over background and classes, or "sigmoid" of each class, where
            there is no background logit.
        plain_ops: decode boxes with elementary operators; see `decode_boxes`.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        nms_thresh: float = 0.45,
        nms_topk: int = 400,
        post_nms: int = 100,
        score_thresh: float = 0.01,
        stds: tuple[float, ...] = STDS,
        score_activation: str = "softmax",
        plain_ops: bool = False,
    ) -> None:
        super().__init__()
        if score_activation not in ("softmax", "sigmoid"):
            raise ModelError(
                f"scores are activated by softmax or sigmoid; got {score_activation!r}"
            )
        self.num_classes = num_classes
        self.settings = DecodeSettings(
            nms_thresh, nms_topk, post_nms, score_thresh, tuple(stds), plain_ops
        )
        self.score_activation = score_activation
        self._num_anchors: int | None = None

    def set_nms(self, nms_thresh: float = 0.45, nms_topk: int = 400, post_nms: int = 100) -> None:
        """Change the suppression and drop the traced graph, which holds the old values."""
        self._clear_cached_op()
        self.settings = replace(
            self.settings, nms_thresh=nms_thresh, nms_topk=nms_topk, post_nms=post_nms
        )

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
        post_nms = self.settings.post_nms
        if num_anchors is None:
            return False, None, post_nms
        selects_first = self.settings.selects_first(self.num_classes, num_anchors)
        return (
            selects_first,
            num_anchors if selects_first else None,
            min(num_anchors * self.num_classes, post_nms),
        )

    def forward(self, class_logits: Any, *args: Any) -> Any:
        """Run the block; arrays of another size than the last ones need another graph."""
        if isinstance(class_logits, mx.nd.NDArray):
            self.expect_anchors(class_logits.shape[1])
        return super().forward(class_logits, *args)

    def hybrid_forward(
        self, F: Any, class_logits: Any, box_offsets: Any, anchors: Any
    ) -> tuple[Any, Any, Any]:
        """Detections of a batch; see the class."""
        is_softmax = self.score_activation == "softmax"
        scores = F.softmax(class_logits, axis=-1) if is_softmax else F.sigmoid(class_logits)
        return decode_detections(
            F,
            scores,
            box_offsets,
            anchors,
            num_classes=self.num_classes,
            settings=self.settings,
            num_anchors=self._num_anchors,
            has_background=is_softmax,
        )


def decode_detections(
    F: Any,
    scores: Any,
    box_offsets: Any,
    anchors: Any,
    *,
    num_classes: int,
    settings: DecodeSettings = DecodeSettings(),  # noqa: B008
    num_anchors: int | None = None,
    has_background: bool = False,
) -> tuple[Any, Any, Any]:
    """Foreground scores, offsets and anchors to detections, on arrays or symbols.

    Args:
        F: mx.nd or mx.sym, to match the three inputs.
        scores: (B, A, C) after sigmoid, or after softmax without the background, or all of
            (B, A, C + 1), the background first.
        box_offsets: (B, A, 4).
        anchors: (1, A, 4), centre form, px.
        num_classes: C.
        settings: thresholds and counts.
        num_anchors: A; without it symbols sort every candidate, and must have at least
            `post_nms` of them. Arrays tell it themselves.
        has_background: whether `scores` starts with the background.

    Returns:
        ids (B, K, 1), scores (B, K, 1), bboxes_px (B, K, 4), sorted by score; unused rows are -1.
        Without suppression all A * C candidates, class by class, with id -1 and score 0 for those
        below the threshold.
    """
    if F is mx.nd:
        num_anchors = scores.shape[1]
    facts: dict[str, Any] = {
        "num_classes": num_classes,
        "settings": settings,
        "has_background": has_background,
    }
    if num_anchors is not None and settings.selects_first(num_classes, num_anchors):
        rows = _best_rows(F, scores, box_offsets, anchors, num_anchors=num_anchors, **facts)
    else:
        rows = _all_rows(F, scores, box_offsets, anchors, **facts)
    if settings.suppresses:
        rows = F.contrib.box_nms(
            rows,
            overlap_thresh=settings.nms_thresh,
            topk=settings.nms_topk,
            valid_thresh=settings.score_thresh,
            id_index=0,
            score_index=1,
            coord_start=2,
            force_suppress=False,
        )
        if settings.post_nms > 0:
            most = settings.post_nms if num_anchors is None else num_anchors * num_classes
            rows = F.slice_axis(rows, axis=1, begin=0, end=min(settings.post_nms, most))
    return (
        F.slice_axis(rows, axis=2, begin=0, end=1),
        F.slice_axis(rows, axis=2, begin=1, end=2),
        F.slice_axis(rows, axis=2, begin=2, end=6),
    )


def _best_rows(
    F: Any,
    scores: Any,
    box_offsets: Any,
    anchors: Any,
    *,
    num_classes: int,
    settings: DecodeSettings,
    num_anchors: int,
    has_background: bool,
) -> Any:
    """The `nms_topk` best candidates as rows (B, T, 6), equal scores in the original's order."""
    best = select_best(
        F,
        scores,
        num_classes=num_classes,
        count=settings.nms_topk,
        num_anchors=num_anchors,
        score_thresh=settings.score_thresh,
        has_background=has_background,
    )
    # No reshaping of what may be an input of the graph: MXNet would copy all of it.
    offsets = F.gather_nd(box_offsets, F.stack(best.image, best.anchor, axis=0))
    own_anchors = F.take(anchors, best.anchor, axis=1)
    boxes = decode_boxes(
        F,
        F.reshape(offsets, (1, -1, 4)),
        F.reshape(own_anchors, (1, -1, 4)),
        settings.stds,
        plain_ops=settings.plain_ops,
    )
    return F.concat(
        F.expand_dims(F.cast(best.label, "float32"), 2),
        F.expand_dims(best.score, 2),
        F.reshape(boxes, (-1, settings.nms_topk, 4)),
        dim=2,
    )


def _all_rows(
    F: Any,
    scores: Any,
    box_offsets: Any,
    anchors: Any,
    *,
    num_classes: int,
    settings: DecodeSettings,
    has_background: bool,
) -> Any:
    """Every candidate as a row (B, C * A, 6), class by class."""
    if has_background:
        scores = F.slice_axis(scores, axis=-1, begin=1, end=None)
    boxes = decode_boxes(F, box_offsets, anchors, settings.stds, plain_ops=settings.plain_ops)
    by_class = F.expand_dims(F.transpose(scores, (0, 2, 1)), 3)  # (B, C, A, 1)
    labels = F.broadcast_like(
        F.reshape(F.arange(num_classes), (1, -1, 1, 1)), by_class, lhs_axes=(0, 2), rhs_axes=(0, 2)
    )
    is_candidate = by_class > settings.score_thresh
    labels = F.where(is_candidate, labels, -F.ones_like(labels))
    kept = F.where(is_candidate, by_class, F.zeros_like(by_class))
    boxes = F.tile(F.expand_dims(boxes, 1), (1, num_classes, 1, 1))
    return F.reshape(F.concat(labels, kept, boxes, dim=3), (0, -3, 6))
