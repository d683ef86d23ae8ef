"""GluonCV's detection layer as a block of its own: what ours is measured and tested against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.detection.decoder import DetectionDecoder, Expected, decode_detections
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import ModelError

DecodeInputs = tuple[Any, Any, Any]
Layer = Callable[[DecodeInputs], Any]


def check_original_can(decoding: Decoding, name: str) -> None:
    """Raise ModelError unless GluonCV's layer decodes as the network of that name does."""
    known = Decoding()
    fixed = (
        "score_activation",
        "relative_to",
        "per_class",
        "strict",
        "topk_of",
        "later_wins",
        "size_clip",
        "clips",
    )
    other = [field for field in fixed if getattr(decoding, field) != getattr(known, field)]
    if other:
        said = ", ".join(f"{field} {getattr(decoding, field)}" for field in other)
        raise ModelError(
            f"{name} decodes with {said}, which GluonCV's detection layer cannot; name another "
            "network",
            settings=("network", "networks"),
        )


def suppress_by_mxnet(F: Any, rows: Any, decoding: Decoding, count: int) -> Any:
    """MXNet's `box_nms` on rows of class, score and corners.

    Args:
        F: mx.nd or mx.sym.
        rows: (B, N, 6).
        decoding: its thresholds and counts.
        count: rows that come out; <= 0 for all.
    """
    rows = F.contrib.box_nms(
        rows,
        overlap_thresh=decoding.nms_thresh,
        topk=decoding.nms_topk,
        valid_thresh=decoding.score_thresh,
        id_index=0,
        score_index=1,
        coord_start=2,
    )
    return F.slice_axis(rows, axis=1, begin=0, end=count) if count > 0 else rows


class OriginalLayer(mx.gluon.HybridBlock):
    """Class probabilities, offsets and anchors to detections in GluonCV's way, by its own blocks.

    Every class gets a block of rows (class, score, box); all of them are joined and sorted by
    `box_nms`.

    Args:
        num_classes: foreground classes C.
        decoding: as in the zoo by default; GluonCV has one score threshold for all, 0.01.
    """

    def __init__(self, num_classes: int, decoding: Decoding = Decoding()) -> None:  # noqa: B008
        from gluoncv.nn.coder import MultiPerClassDecoder, NormalizedBoxCenterDecoder

        super().__init__()
        self._decoding, self._num_classes = decoding, num_classes
        self.boxes = NormalizedBoxCenterDecoder(decoding.stds, minimal_opset=decoding.plain_ops)
        self.classes = MultiPerClassDecoder(num_classes + 1, thresh=decoding.score_thresh)

    def hybrid_forward(
        self, F: Any, probabilities: Any, box_offsets: Any, anchors: Any
    ) -> tuple[Any, Any, Any]:
        """Detections from probabilities (B, A, C + 1); otherwise as `DetectionDecoder`."""
        boxes = self.boxes(box_offsets, anchors)
        ids, scores = self.classes(probabilities)
        blocks = []
        for index in range(self._num_classes):
            own = {"axis": -1, "begin": index, "end": index + 1}
            columns = F.slice_axis(ids, **own), F.slice_axis(scores, **own), boxes
            blocks.append(F.concat(*columns, dim=-1))
        rows = F.concat(*blocks, dim=1)
        if self._decoding.suppresses:
            rows = suppress_by_mxnet(F, rows, self._decoding, self._decoding.post_nms)
        ends = ((0, 1), (1, 2), (2, 6))
        return tuple(F.slice_axis(rows, axis=2, begin=begin, end=end) for begin, end in ends)


class _OurLayer(mx.gluon.HybridBlock):
    """`decode_detections` on the same inputs."""

    def __init__(self, num_classes: int, num_anchors: int, decoding: Decoding) -> None:
        super().__init__()
        self._decoding = decoding
        self._num_classes, self._num_anchors = num_classes, num_anchors

    def hybrid_forward(self, F: Any, probabilities: Any, box_offsets: Any, anchors: Any) -> Any:
        """Detections; see `OriginalLayer`."""
        return decode_detections(
            F,
            F.identity(probabilities),  # reshaping an input of a graph copies it, at half the speed
            box_offsets,
            anchors,
            self._decoding,
            num_classes=self._num_classes,
            num_anchors=self._num_anchors,
        )


class _AfterSoftmax(mx.gluon.HybridBlock):
    """The original from logits."""

    def __init__(self, num_classes: int, decoding: Decoding) -> None:
        super().__init__()
        self.layer = OriginalLayer(num_classes, decoding)

    def hybrid_forward(self, F: Any, logits: Any, box_offsets: Any, anchors: Any) -> Any:
        """Detections; see `OriginalLayer`."""
        return self.layer(F.softmax(logits, axis=-1), box_offsets, anchors)


def layers_to_compare(
    class_logits: np.ndarray,
    box_offsets: np.ndarray,
    anchors: np.ndarray,
    *,
    decoding: Decoding,
    prepare: Callable[[Any, DecodeInputs], Layer] | None = None,
) -> dict[str, tuple[DecodeInputs, Layer, Layer]]:
    """What a benchmark of the detection layer needs.

    Args:
        class_logits: float32 (B, A, C + 1).
        box_offsets: float32 (B, A, 4).
        anchors: float32 (1, A, 4), centre form, px.
        decoding: of both layers; one that `check_original_can` takes.
        prepare: makes a callable of our block and its inputs, as deployment does; without it our
            layer is hybridised like the original.

    Returns:
        "from probabilities" and "from logits", each with (inputs, original, ours): the arrays, and
        two callables of them. The original is hybridised with static memory, as in the legacy
        scripts; what the layers return may still be under way.
    """
    logits, offsets, centers = (mx.nd.array(a) for a in (class_logits, box_offsets, anchors))
    num_anchors, num_classes = class_logits.shape[1], class_logits.shape[2] - 1
    from_logits = DetectionDecoder(num_classes, decoding)
    from_logits.expect(Expected(num_anchors))
    starts = {
        "from probabilities": (
            (mx.nd.softmax(logits, axis=-1), offsets, centers),
            OriginalLayer(num_classes, decoding),
            _OurLayer(num_classes, num_anchors, decoding),
        ),
        "from logits": (
            (logits, offsets, centers),
            _AfterSoftmax(num_classes, decoding),
            from_logits,
        ),
    }
    prepare = prepare or (lambda layer, inputs: _hybridised(layer))
    return {
        start: (inputs, _hybridised(original), prepare(ours, inputs))
        for start, (inputs, original, ours) in starts.items()
    }


def _hybridised(layer: mx.gluon.HybridBlock) -> Layer:
    layer.hybridize(static_alloc=True, static_shape=True)
    return lambda inputs: layer(*inputs)
