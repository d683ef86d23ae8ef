"""Suppression alone, as MXNet does it and as deployed models do, on the same candidates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.detection.boxes import decode_boxes
from gluon_ssd.detection.decoding import DecodeSettings
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
    settings = DecodeSettings()
    images = zip(class_logits, box_offsets, strict=True)
    rows = np.stack([_best_rows(*image, anchors[0], settings) for image in images])
    count = min(settings.post_nms, rows.shape[1])

    def by_mxnet(candidates: Any) -> Any:
        kept = mx.nd.contrib.box_nms(
            candidates,
            overlap_thresh=settings.nms_thresh,
            topk=settings.nms_topk,
            valid_thresh=settings.score_thresh,
            id_index=0,
            score_index=1,
            coord_start=2,
        )
        return mx.nd.slice_axis(kept, axis=1, begin=0, end=count)

    def by_loop(candidates: Any) -> np.ndarray:
        return suppress(
            candidates.asnumpy(),
            iou_thresh=settings.nms_thresh,
            score_thresh=settings.score_thresh,
            topk=settings.nms_topk,
            count=count,
        )

    return mx.nd.array(rows), by_mxnet, by_loop


def _best_rows(
    class_logits: np.ndarray, box_offsets: np.ndarray, anchors: np.ndarray, settings: DecodeSettings
) -> np.ndarray:
    """Class, score and corners of the best candidates of one image, by falling score."""
    powers = np.exp(class_logits - class_logits.max(axis=1, keepdims=True))
    scores = (powers / powers.sum(axis=1, keepdims=True))[:, 1:].T  # (C, A)
    best = np.argsort(-scores, axis=None, kind="stable")[: settings.nms_topk]
    labels, chosen = np.unravel_index(best, scores.shape)
    boxes = decode_boxes(box_offsets[chosen], anchors[chosen], settings.stds)
    return np.column_stack([labels, scores[labels, chosen], boxes]).astype(np.float32)
