"""Suppression alone, as MXNet does it and as deployed models do, on the same candidates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.detection.boxes import decode_boxes
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.detection.suppression import suppress

Suppressing = Callable[[Any], Any]


def suppression_to_compare(
    class_logits: np.ndarray, box_offsets: np.ndarray, anchors: np.ndarray
) -> tuple[Any, Suppressing, Suppressing]:
    """What a benchmark of the suppression needs.

    Args:
        class_logits: float32 (B, A, C + 1).
        box_offsets: float32 (B, A, 4).
        anchors: float32 (1, A, 4), centre form, px.

    Returns:
        The best candidates as an MXNet array (B, T, 6), and two callables of it to the kept rows
        (B, K, 6): MXNet's `box_nms`, whose result may still be under way, and ours.
    """
    decoding = Decoding()
    images = zip(class_logits, box_offsets, strict=True)
    rows = np.stack([_best_rows(*image, anchors[0], decoding) for image in images])
    count = min(decoding.post_nms, rows.shape[1])

    def by_mxnet(candidates: Any) -> Any:
        kept = mx.nd.contrib.box_nms(
            candidates,
            overlap_thresh=decoding.nms_thresh,
            topk=decoding.nms_topk,
            valid_thresh=decoding.score_thresh,
            id_index=0,
            score_index=1,
            coord_start=2,
        )
        return mx.nd.slice_axis(kept, axis=1, begin=0, end=count)

    def by_loop(candidates: Any) -> np.ndarray:
        return suppress(
            candidates.asnumpy(),
            iou_thresh=decoding.nms_thresh,
            score_thresh=decoding.score_thresh,
            topk=decoding.nms_topk,
            count=count,
        )

    return mx.nd.array(rows), by_mxnet, by_loop


def _best_rows(
    class_logits: np.ndarray, box_offsets: np.ndarray, anchors: np.ndarray, decoding: Decoding
) -> np.ndarray:
    """Class, score and corners of the best candidates of one image, by falling score."""
    powers = np.exp(class_logits - class_logits.max(axis=1, keepdims=True))
    scores = (powers / powers.sum(axis=1, keepdims=True))[:, 1:].T  # (C, A)
    best = np.argsort(-scores, axis=None, kind="stable")[: decoding.nms_topk]
    labels, chosen = np.unravel_index(best, scores.shape)
    boxes = decode_boxes(box_offsets[chosen], anchors[chosen], decoding.stds)
    return np.column_stack([labels, scores[labels, chosen], boxes]).astype(np.float32)
