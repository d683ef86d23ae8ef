"""PASCAL VOC average precision (2007: eleven points, 2012: area under the curve) on arrays.

Source: the VOC development kits; details as in GluonCV's metric, so that numbers compare: one is
added to the lower right corner of every box, a detection belongs to the ground truth it overlaps
most even if that one is taken, and classes without ground truth are left out of the mean.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.evaluation.detections import Detections, GroundTruth, check_labels, scale_to_input
from gluon_ssd.evaluation.result import Evaluation

_IGNORED = -1
_ADDED_PX = np.array([0, 0, 1, 1], np.float32)  # to x_max and y_max


def evaluate_voc(
    detections: Detections,
    truth: GroundTruth,
    classes: tuple[str, ...],
    *,
    year: Literal[2007, 2012] = 2007,
    iou_threshold: float = 0.5,
    coordinates: Literal["input", "original"] = "input",
) -> Evaluation:
    """Mean average precision in the manner of PASCAL VOC.

    Args:
        detections: what the network found.
        truth: annotated boxes in original pixels; difficult ones are neither asked for nor wrong.
        classes: foreground names; a label is an index into them.
        year: 2007 interpolates at eleven recalls, 2012 takes the area under the curve.
        iou_threshold: least overlap of a hit.
        coordinates: where boxes are compared. "input" is the legacy way and the default: pixels of
            the network input, detections clipped to it. "original" uses the original image, where
            the added pixel weighs less; published numbers of this family use "input".

    Returns:
        One line per class, then ``mAP``, with four decimals; NaN where a class has no ground
        truth, and everywhere when the set has none.

    Raises:
        DataError: a detection has a class number that `classes` does not have.
    """
    check_labels(detections, len(classes))
    found, annotated = detections.boxes_px, truth.boxes_px
    if coordinates == "input":
        found = detections.input_boxes_px
        annotated = scale_to_input(
            annotated, truth.image_index, detections.sizes_hw, detections.input_size_hw
        )
    found, annotated = found + _ADDED_PX, annotated + _ADDED_PX
    named = {}
    for label, name in enumerate(classes):
        ours, theirs = detections.labels == label, truth.labels == label
        named[name] = _class_average_precision(
            (detections.image_index[ours], found[ours], detections.scores[ours]),
            (truth.image_index[theirs], annotated[theirs], truth.difficult[theirs]),
            iou_threshold=iou_threshold,
            eleven_points=year == 2007,
        )
    known = [value for value in named.values() if not np.isnan(value)]
    score = float(np.mean(known)) if known else float("nan")
    lines = [(name, f"{value:.4f}") for name, value in named.items()]
    return Evaluation([*lines, ("mAP", f"{score:.4f}")], score, named)


def _class_average_precision(
    found: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    annotated: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    *,
    iou_threshold: float,
    eleven_points: bool,
) -> float:
    """`found`: images, boxes and scores; `annotated`: images, boxes and difficult flags."""
    truth_images, truth_boxes, difficult = annotated
    num_positive = int(np.count_nonzero(~difficult))
    if num_positive == 0:
        return float("nan")
    image_index, boxes, scores = found
    order = _order_within_images(image_index, scores)
    image_index, boxes, scores = image_index[order], boxes[order], scores[order]
    owner = _best_truth(image_index, boxes, truth_images, truth_boxes, iou_threshold)
    outcome = _outcomes(owner, difficult)
    # The same unstable sort as the reference, so that equal scores end up in the same order.
    outcome = outcome[scores.argsort()[::-1]]
    hits, misses = np.cumsum(outcome == 1), np.cumsum(outcome == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.nan_to_num(hits / (hits + misses))  # 0/0 while only ignored ones came
    recall = hits / num_positive
    integrate = _eleven_point_mean if eleven_points else _area_under_curve
    return integrate(recall, precision)


def _order_within_images(image_index: NDArray[Any], scores: NDArray[Any]) -> NDArray[Any]:
    """Order that keeps images in sequence and puts the best score of each first."""
    starts = np.flatnonzero(np.diff(image_index, prepend=-1))
    groups = np.split(np.arange(len(scores)), starts[1:]) if len(scores) else []
    # One small sort per image, as the reference does: ties then fall in the same order.
    parts = [group[scores[group].argsort()[::-1]] for group in groups]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _best_truth(
    image_index: NDArray[Any],
    boxes: NDArray[Any],
    truth_image_index: NDArray[Any],
    truth_boxes: NDArray[Any],
    iou_threshold: float,
) -> NDArray[Any]:
    """For each detection the row of the ground truth it overlaps most, or -1 below the threshold.

    All pairs of one image are laid out in a row: N detections with 0..M partners each.
    """
    first = np.searchsorted(truth_image_index, image_index, side="left")
    counts = np.searchsorted(truth_image_index, image_index, side="right") - first
    owner = np.full(len(boxes), -1, np.int64)
    detection = np.repeat(np.arange(len(boxes)), counts)  # (P,) pairs
    if not len(detection):
        return owner
    starts = np.cumsum(counts) - counts
    partner = np.arange(len(detection)) - np.repeat(starts - first, counts)
    overlap = _paired_iou(boxes[detection], truth_boxes[partner])
    used = np.flatnonzero(counts)
    best = np.maximum.reduceat(overlap, starts[used])
    is_best = overlap == np.repeat(best, counts[used])
    candidates = np.where(is_best, partner, len(truth_boxes))
    first_best = np.minimum.reduceat(candidates, starts[used])
    owner[used] = np.where(best >= iou_threshold, first_best, -1)
    return owner


def _paired_iou(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """IoU of row i of `a` with row i of `b`, in float32 and in the reference's order of terms."""
    upper_left = np.maximum(a[:, :2], b[:, :2])
    lower_right = np.minimum(a[:, 2:], b[:, 2:])
    shared = np.prod(lower_right - upper_left, axis=1) * (upper_left < lower_right).all(axis=1)
    area_a = np.prod(a[:, 2:] - a[:, :2], axis=1)
    area_b = np.prod(b[:, 2:] - b[:, :2], axis=1)
    union = area_a + area_b - shared
    overlap: NDArray[Any] = np.zeros_like(shared)
    np.divide(shared, union, out=overlap, where=union != 0)
    return overlap


def _outcomes(owner: NDArray[Any], difficult: NDArray[Any]) -> NDArray[Any]:
    """1 hit, 0 miss or repeat, -1 ignored, for detections whose best ones come first."""
    outcome = np.zeros(len(owner), np.int64)
    matched = np.flatnonzero(owner >= 0)
    _, first = np.unique(owner[matched], return_index=True)
    outcome[matched[first]] = 1
    outcome[matched[difficult[owner[matched]]]] = _IGNORED
    return outcome


def _eleven_point_mean(recall: NDArray[Any], precision: NDArray[Any]) -> float:
    """Mean over recalls 0, 0.1, ..., 1 of the best precision at that recall or beyond."""
    total = 0.0
    for level in np.arange(0.0, 1.1, 0.1):
        reached = precision[recall >= level]
        total += (reached.max() if len(reached) else 0.0) / 11.0
    return float(total)


def _area_under_curve(recall: NDArray[Any], precision: NDArray[Any]) -> float:
    """Area under the precision envelope, summed where recall changes."""
    recall = np.concatenate(([0.0], recall, [1.0]))
    precision = np.concatenate(([0.0], precision, [0.0]))
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.flatnonzero(recall[1:] != recall[:-1])
    return float(np.sum((recall[steps + 1] - recall[steps]) * envelope[steps + 1]))
