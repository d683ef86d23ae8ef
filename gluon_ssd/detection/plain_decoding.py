"""Raw outputs of one image to detections in plain NumPy: every score and every box is looked at.

It needs no compiled loops, whose first use takes a third of a second; see `raw_decoding`. Those
loops give the same to the bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.detection.decoding import Decoding

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


class Candidates(NamedTuple):
    """Pairs of anchor and class, best first, each (N,): score float32, the others int64."""

    score: Floats
    label: Integers
    anchor: Integers


def plain_scores(logits: Floats, decoding: Decoding) -> Floats:
    """Activated scores, worked out in double precision and rounded once.

    Args:
        logits: float32 (A, C + 1) with the background first, or (A, C).
        decoding: whose activation is applied.

    Returns:
        float32 (A, C), without the background.
    """
    exact = logits.astype(np.float64)
    with np.errstate(all="ignore"):  # of numbers that are none there is no score
        if not decoding.has_background:
            scores = 1 / (1 + np.exp(-exact))
        else:
            powers = np.exp(exact - exact.max(axis=1, keepdims=True))
            scores = powers[:, 1:] / powers.sum(axis=1, keepdims=True)
    rounded: Floats = scores.astype(np.float32)
    return rounded


def plain_candidates(scores: Floats, decoding: Decoding) -> Candidates:
    """The candidates that enter suppression, of an image or of each class.

    Args:
        scores: float32 (A, C).
        decoding: of images or of classes.

    Returns:
        By falling score; equal scores by rising class, in a class by rising anchor or as
        `decoding.later_wins` says. Where an anchor has one class, as of `plain_best_classes`.
    """
    if decoding.one_class:
        return plain_best_classes(scores, np.arange(len(scores)), decoding)
    label, anchor = np.nonzero(scores.T > np.float32(decoding.score_floor))
    score = scores[anchor, label]
    most = decoding.nms_topk if decoding.nms_topk > 0 else len(score)
    if decoding.topk_of == "class":
        order = np.lexsort((-anchor if decoding.later_wins else anchor, -score, label))
        starts = np.searchsorted(label, np.arange(scores.shape[1]))
        order = order[np.arange(len(order)) - starts[label] < most]
        order = order[np.argsort(-score[order], kind="stable")]
    else:
        order = np.argsort(-score, kind="stable")[:most]
    return Candidates(score[order], label[order], anchor[order])


def plain_best_classes(scores: Floats, anchors: Integers, decoding: Decoding) -> Candidates:
    """The candidates that enter suppression where each anchor has one, of its best class.

    Args:
        scores: float32 (N, C), of some anchors.
        anchors: int64 (N,), their numbers, rising.
        decoding: of images.

    Returns:
        By falling score; equal scores by rising anchor. Without suppression all of them, by anchor.
    """
    scores = np.where(np.isnan(scores), np.float32(-1), scores)
    label = scores.argmax(axis=1)  # the first one on a tie
    score = scores[np.arange(len(label)), label]
    order = np.flatnonzero(score > np.float32(decoding.score_floor))
    if decoding.suppresses:
        order = order[np.argsort(-score[order], kind="stable")]
        order = order[: decoding.nms_topk if decoding.nms_topk > 0 else None]
    return Candidates(score[order], label[order], anchors[order])


def plain_boxes(
    offsets: Floats, anchors: Floats, decoding: Decoding, input_size_hw: tuple[int, int]
) -> Floats:
    """Corners px, float32 (N, 4), of coded boxes (N, 4) and their anchors (N, 4), centre form.

    They are clipped to the input where `decoding` says so.
    """
    raw = offsets * np.array(decoding.stds, np.float32)
    centers = raw[:, :2] * anchors[:, 2:] + anchors[:, :2]
    if decoding.size_clip > 0:
        raw = np.minimum(raw, np.float32(decoding.size_clip))
    with np.errstate(over="ignore"):
        powers = np.exp(raw[:, 2:].astype(np.float64)).astype(np.float32)
    reach = powers * anchors[:, 2:] * np.float32(0.5)
    boxes: Floats = np.concatenate([centers - reach, centers + reach], axis=1)
    if decoding.clips:
        height, width = input_size_hw
        boxes = np.clip(boxes, np.float32(0), np.array([width, height] * 2, np.float32))
    return boxes


def plain_suppress(
    rows: Floats, *, iou_thresh: float, count: int, per_class: bool = True
) -> Floats:
    """The rows that no better one of their class overlaps; see `suppression.suppress`.

    Args:
        rows: float32 (N, 6) of class, score and corners, by falling score; none is empty.
        iou_thresh: a box goes when its IoU with a kept one of its class exceeds it.
        count: rows that come out.
        per_class: whether boxes of different classes leave one another alone.

    Returns:
        float32 (count, 6); unused rows are -1.
    """
    kept = np.full((count, 6), -1, np.float32)
    left, found = np.arange(len(rows)), 0
    while len(left) and found < count:
        best, others = rows[left[0]], rows[left[1:]]
        kept[found] = best
        found += 1
        goes = _overlaps(best, others) > np.float32(iou_thresh)
        if per_class:
            goes &= others[:, 0] == best[0]
        left = left[1:][~goes]
    return kept


def padded(rows: Floats, count: int) -> Floats:
    """The first `count` of the rows (N, 6), float32 (count, 6); unused ones are -1."""
    table = np.full((count, 6), -1, np.float32)
    table[: len(rows)] = rows[:count]
    return table


def _overlaps(kept: Floats, others: Floats) -> Any:
    """IoU of one box (6,) with others (N, 6), (N,); NaN where there is none."""
    with np.errstate(all="ignore"):
        sides = [
            np.where(kept[4 + axis] < others[:, 4 + axis], kept[4 + axis], others[:, 4 + axis])
            - np.where(kept[2 + axis] > others[:, 2 + axis], kept[2 + axis], others[:, 2 + axis])
            for axis in range(2)
        ]
        shared = np.where(sides[0] > 0, sides[0], 0) * np.where(sides[1] > 0, sides[1], 0)
        shared = shared.astype(np.float32)
        return shared / (_areas(kept[None]) + _areas(others) - shared)


def _areas(rows: Floats) -> Any:
    widths, heights = rows[:, 4] - rows[:, 2], rows[:, 5] - rows[:, 3]
    is_turned = (widths < 0) | (heights < 0)
    return np.where(is_turned, np.float32(0), widths * heights)
