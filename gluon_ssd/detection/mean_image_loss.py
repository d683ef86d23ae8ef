"""The loss of the published SSD networks with residual backbones: each image by itself.

Cross-entropy with hard-negative mining and smooth L1, as in `detection.multibox_loss`, but the
losses of an image are divided by its own positive anchors, and the batch counts as the mean of its
images. An image without boxes counts as 0.

Sources: NVIDIA DeepLearningExamples, PyTorch/Detection/SSD, releases of June 2020 and of October
2022; MLPerf training, single_stage_detector/ssd; SSD, arXiv:1512.02325, section 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.detection.multibox_loss import NDArray, select_anchors, weighted

_NEGATIVE_RATIO = 3.0


def positives_of_batch(class_targets: Any) -> dict[str, float]:
    """What `mean_image_loss` is told of the class targets (B, A) of a batch, NumPy."""
    return {"num_positive": float(np.count_nonzero(class_targets > 0))}


def mean_image_loss(
    class_logits: NDArray,
    box_offsets: NDArray,
    class_targets: NDArray,
    box_targets: NDArray,
    num_images: float,
    *,
    num_positive: float | None = None,
    doubles_positives: bool = False,
    class_weights: Sequence[float] | None = None,
) -> dict[str, NDArray]:
    """Class and box loss of every image; their sum is what a step minimises.

    | name | shape | dtype | meaning |
    |---|---|---|---|
    | class_logits | (B, A, C+1) | float32 | background is class 0 |
    | box_offsets | (B, A, 4) | float32 | predicted encoded offsets |
    | class_targets | (B, A) | float32 | label + 1, 0 background, below 0 ignored |
    | box_targets | (B, A, 4) | float32 | encoded offsets of the matched box |

    Each image keeps its positive anchors and three times as many of the negatives with the largest
    loss, of equal losses the first ones.

    Args:
        num_images: of the global batch.
        num_positive: positive anchors in `class_targets`, or more; without it the device is asked,
            which waits for what it does.
        doubles_positives: the rule of June 2020 and of MLPerf, where the cross-entropy of
            a positive counts twice if its image has less than three negatives for each positive.
            Of 2022 is the rule that each counts once.
        class_weights: factor of the cross-entropy of the positives of each class, C numbers.

    Returns:
        "CrossEntropy" and "SmoothL1", the loss of the classes and of the boxes, each float32 (B,),
        divided by `num_images`.
    """
    positives = (class_targets > 0).sum(axis=1)  # (B,)
    if num_positive is None:
        num_positive = float(positives.sum().asscalar())
    rows, targets, counts = select_anchors(
        class_logits, class_targets, num_positive, _NEGATIVE_RATIO, doubles=doubles_positives
    )
    nothing = mx.nd.zeros_like(targets)
    log_probabilities = mx.nd.log_softmax(mx.nd.gather_nd(class_logits, rows), axis=-1)
    class_rows = -mx.nd.pick(log_probabilities, targets, axis=-1) * counts
    class_rows = weighted(mx.nd.where(counts, class_rows, nothing), targets, class_weights)
    difference = mx.nd.gather_nd(box_offsets, rows) - mx.nd.gather_nd(box_targets, rows)  # (N, 4)
    box_rows = mx.nd.smooth_l1(difference, scalar=1.0).sum(axis=-1)
    box_rows = mx.nd.where(counts * (targets > 0), box_rows, nothing)
    # (N, B), 1 where the row belongs to the image; turns sums over rows into sums per image.
    owner = mx.nd.one_hot(rows[0], class_targets.shape[0])
    divisor = mx.nd.maximum(positives, 1) * num_images
    return {
        "CrossEntropy": mx.nd.dot(class_rows, owner) / divisor,
        "SmoothL1": mx.nd.dot(box_rows, owner) / divisor,
    }
