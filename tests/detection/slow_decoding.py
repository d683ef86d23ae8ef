"""Decoding by image, class and level in plain loops: what the fast forms are tested against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gluon_ssd.detection.decoding import Decoding

F32 = np.float32


def slow_detections(
    scores: np.ndarray,
    offsets: np.ndarray,
    anchors: np.ndarray,
    decoding: Decoding,
    input_size_hw: tuple[int, int] = (0, 0),
    *,
    shared_area: Callable[[np.ndarray], float] | None = None,
) -> np.ndarray:
    """Rows (class, score, corners) of one image, float32 (n, 6), by falling score.

    Args:
        scores: float32 (A, C), without a background.
        offsets, anchors: float32 (A, 4); anchors in centre form.
        decoding: of an image, of classes or of levels.
        input_size_hw: what boxes are clipped to, where `decoding` says so.
        shared_area: of (width, height) of the overlap of two boxes, negative where they lie apart;
            nothing is shared then, unless this says so.
    """
    area = shared_area or nothing_apart
    boxes = slow_boxes(offsets, anchors, decoding, input_size_hw)
    found = []  # (score, place among equals, class, anchor)
    for place, group in enumerate(groups(scores, decoding)):
        taken = [pair for pair in group if is_candidate(scores[pair], decoding)]
        if not decoding.suppresses:
            rows = [[label, scores[anchor, label], *boxes[anchor]] for anchor, label in taken]
            return np.array(rows, np.float32).reshape(-1, 6)
        taken.sort(key=lambda pair: -scores[pair])  # stable
        taken = taken[: decoding.nms_topk] if decoding.nms_topk > 0 else taken
        found += [(-scores[a, c], place, n, c, a) for n, (a, c) in enumerate(taken)]
    found.sort()
    kept: list[tuple[int, int]] = []
    for *_, label, anchor in found:
        mine = [boxes[a] for c, a in kept if c == label or not decoding.per_class]
        if not any(suppresses(other, boxes[anchor], decoding, area) for other in mine):
            kept.append((label, anchor))
    kept = kept[: decoding.post_nms] if decoding.post_nms > 0 else kept
    rows = [[label, scores[anchor, label], *boxes[anchor]] for label, anchor in kept]
    return np.array(rows, np.float32).reshape(-1, 6)


def is_candidate(score: float, decoding: Decoding) -> bool:
    """Whether a score counts."""
    thresh = F32(decoding.score_thresh)
    return bool(score > thresh if decoding.score_strict else score >= thresh)


def groups(scores: np.ndarray, decoding: Decoding) -> list[list[tuple[int, int]]]:
    """The pairs (anchor, class) of each class or level, or of the image, in the order that wins."""
    num_anchors, num_classes = scores.shape
    if decoding.one_class:
        pairs = []
        for anchor, own in enumerate(scores):
            best = 0
            for label in range(num_classes):
                best = label if own[label] > own[best] else best
            pairs.append((anchor, best))
        return [pairs]
    if decoding.topk_of == "image":
        return [[(anchor, label) for label in range(num_classes) for anchor in range(num_anchors)]]
    if decoding.topk_of == "class":
        anchors = list(range(num_anchors))[:: -1 if decoding.later_wins else 1]
        return [[(anchor, label) for anchor in anchors] for label in range(num_classes)]
    ends = np.cumsum(decoding.level_anchors).tolist()
    levels = [range(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]
    return [
        [(anchor, label) for anchor in level for label in range(num_classes)] for level in levels
    ]


def slow_boxes(
    offsets: np.ndarray, anchors: np.ndarray, decoding: Decoding, input_size_hw: tuple[int, int]
) -> np.ndarray:
    """Corners float32 (A, 4), in the arithmetic of MXNet's `box_decode`."""
    raw = offsets * np.array(decoding.stds, F32)
    centers = raw[:, :2] * anchors[:, 2:] + anchors[:, :2]
    if decoding.size_clip > 0:
        raw = np.minimum(raw, F32(decoding.size_clip))
    half = np.exp(raw[:, 2:].astype(np.float64)).astype(F32) * anchors[:, 2:] * F32(0.5)
    boxes = np.concatenate([centers - half, centers + half], axis=1)
    if decoding.clips:
        height, width = input_size_hw
        boxes = np.clip(boxes, F32(0), np.array([width, height] * 2, F32))
    return boxes.astype(F32)


def nothing_apart(overlap: np.ndarray) -> float:
    """The area of an overlap (width, height)."""
    return np.maximum(overlap, 0).prod()


def suppresses(
    one: np.ndarray,
    other: np.ndarray,
    decoding: Decoding,
    shared_area: Callable[[np.ndarray], float],
) -> bool:
    """Whether a kept box suppresses another one."""
    shared = shared_area(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]))
    areas = [np.maximum(box[2:] - box[:2], 0).prod() for box in (one, other)]
    with np.errstate(invalid="ignore"):
        overlap = shared / (areas[0] + areas[1] - shared)
    thresh = F32(decoding.nms_thresh)
    return bool(overlap > thresh if decoding.strict else overlap >= thresh)
