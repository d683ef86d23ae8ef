"""The multibox loss of SSD: hard-negative mining, cross-entropy and smooth L1.

Source: SSD, arXiv:1512.02325, section 2.2, with the normaliser of the published GluonCV
training: both sums are divided by the number of positive anchors in the whole global batch.

Only about four anchors per positive take part in the loss, out of thousands. The search for
them runs outside of the autograd record, and the loss itself runs on the rows that were found.
On CPU that takes about a sixth of the time of recording every anchor and ranking with two sorts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from gluon_ssd.compat import mx

NDArray: TypeAlias = Any  # MXNet ships no types


def _hard_negatives(negative_loss: NDArray, num_negatives: NDArray, max_negatives: int) -> NDArray:
    """Mark the anchors with the largest loss of each image.

    Equal losses are taken in anchor order, as a stable sort would. (GluonCV takes them in the
    order its heap sort leaves them, which has no meaning and differs between CPU and GPU.)

    From float32 (B, A), 0 at every anchor that is no negative, and float32 (B, 1), how many to mark
    in each image, `max_negatives` at most, to float32 (B, A), 1 where marked.
    """
    largest = mx.nd.topk(negative_loss, axis=1, k=max_negatives, ret_typ="value")  # (B, k)
    last = mx.nd.clip(num_negatives - 1, 0, max_negatives - 1)
    threshold = mx.nd.pick(largest, last.reshape((-1,)), axis=1, keepdims=True)  # (B, 1)
    above = mx.nd.broadcast_greater(negative_loss, threshold)
    tied = mx.nd.broadcast_equal(negative_loss, threshold)
    room = num_negatives - above.sum(axis=1, keepdims=True)
    tied = tied * mx.nd.broadcast_lesser_equal(mx.nd.cumsum(tied, axis=1), room)
    return mx.nd.broadcast_mul(above + tied, num_negatives > 0)


def select_anchors(
    class_logits: NDArray,
    class_targets: NDArray,
    num_positive: float,
    negative_ratio: float,
    *,
    doubles: bool = False,
) -> tuple[NDArray, NDArray, NDArray]:
    """Find the anchors that take part in the loss.

    Args:
        class_logits, class_targets: as of `multibox_loss`.
        num_positive: positive anchors in `class_targets`, or more.
        negative_ratio: negatives kept for each positive.
        doubles: whether a positive counts twice where an image has so few negatives that the
            search for the hardest ones reaches the positives, whose loss counts as 0 there.

    Returns:
        The rows, int32 (2, N) of (image, anchor); their class targets, float32 (N,); and float32
        (N,), how often the row counts, 0 where it only fills up the fixed length N.
    """
    num_images, num_anchors = class_targets.shape
    max_negatives = min(num_anchors, max(1, math.ceil(negative_ratio * num_positive)))
    max_rows = min(num_images * num_anchors, max(1, math.ceil((1 + negative_ratio) * num_positive)))
    with mx.autograd.pause():
        log_probabilities = mx.nd.log_softmax(class_logits, axis=-1)
        class_loss = -mx.nd.pick(log_probabilities, class_targets, axis=-1)  # (B, A)
        positive = class_targets > 0
        num_negatives = mx.nd.ceil(positive.sum(axis=1, keepdims=True) * negative_ratio)
        negative_loss = class_loss * (class_targets == 0)
        hard = _hard_negatives(negative_loss, num_negatives, max_negatives)
        selected = positive + hard if doubles else mx.nd.maximum(positive, hard)
        selected = selected.reshape((-1,))
        flat = mx.nd.topk(selected, k=max_rows, ret_typ="indices", dtype="int32")
        rows = mx.nd.unravel_index(flat, shape=(num_images, num_anchors))
        targets = mx.nd.gather_nd(class_targets, rows)
        # An image with few negatives marks ignored anchors as well, since their loss here is 0.
        return rows, targets, selected[flat] * (targets >= 0)


def weighted(class_rows: NDArray, targets: NDArray, weights: Sequence[float] | None) -> NDArray:
    """Class losses of rows, times the weight of each row's class.

    Args:
        class_rows, targets: float32 (N,); targets are label + 1, and 0 for background.
        weights: of the C classes; the background has 1. None changes nothing.
    """
    if weights is None:
        return class_rows
    by_target = mx.nd.array([1.0, *weights], ctx=class_rows.context, dtype="float32")
    return class_rows * mx.nd.take(by_target, targets, mode="clip")


def multibox_loss(
    class_logits: NDArray,
    box_offsets: NDArray,
    class_targets: NDArray,
    box_targets: NDArray,
    num_positive: float,
    *,
    negative_ratio: float = 3.0,
    class_weights: Sequence[float] | None = None,
) -> dict[str, NDArray]:
    """Class and box loss of every image; their sum is what a step minimises.

    | name | shape | dtype | meaning |
    |---|---|---|---|
    | class_logits | (B, A, C+1) | float32 | background is class 0 |
    | box_offsets | (B, A, 4) | float32 | predicted encoded offsets |
    | class_targets | (B, A) | float32 | label + 1, 0 background, below 0 ignored |
    | box_targets | (B, A, 4) | float32 | encoded offsets of the matched box |

    Each image keeps its positive anchors and `negative_ratio` times as many of the negatives
    with the largest loss; an image without boxes adds nothing. Smooth L1 turns linear at 1.

    Args:
        num_positive: positive anchors of the global batch, over all devices and processes. The
            caller knows it from the targets, so no device has to wait for another.
        negative_ratio: negatives kept for each positive.
        class_weights: factor of the cross-entropy of the positives of each class, C numbers.

    Returns:
        "CrossEntropy" and "SmoothL1", the loss of the classes and of the boxes, each float32 (B,),
        divided by max(1, num_positive); zero when `num_positive` is 0.
    """
    rows, targets, counts = select_anchors(
        class_logits, class_targets, num_positive, negative_ratio
    )
    nothing = mx.nd.zeros_like(targets)
    log_probabilities = mx.nd.log_softmax(mx.nd.gather_nd(class_logits, rows), axis=-1)
    class_rows = mx.nd.where(counts, -mx.nd.pick(log_probabilities, targets, axis=-1), nothing)
    class_rows = weighted(class_rows, targets, class_weights)
    difference = mx.nd.gather_nd(box_offsets, rows) - mx.nd.gather_nd(box_targets, rows)  # (N, 4)
    box_rows = mx.nd.smooth_l1(difference, scalar=1.0).sum(axis=-1)
    box_rows = mx.nd.where(counts * (targets > 0), box_rows, nothing)
    # (N, B), 1 where the row belongs to the image; turns sums over rows into sums per image.
    owner = mx.nd.one_hot(rows[0], class_targets.shape[0])
    normaliser = max(1.0, float(num_positive))
    return {
        "CrossEntropy": mx.nd.dot(class_rows, owner) / normaliser,
        "SmoothL1": mx.nd.dot(box_rows, owner) / normaliser,
    }
