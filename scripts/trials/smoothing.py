"""Class targets that are not quite sure.

Source: Inception v3, arXiv:1512.00567, section 7, "label smoothing".
"""

from __future__ import annotations

from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.detection.multibox_loss import multibox_loss, select_anchors

SHARE = 0.1
"""Of each target that is spread evenly over all classes and the background."""


def smoothed_loss(
    class_logits: Any,
    box_offsets: Any,
    class_targets: Any,
    box_targets: Any,
    num_positive: float,
    *,
    share: float = SHARE,
) -> dict[str, Any]:
    """The loss of `multibox_loss` on smoothed targets; its anchors are chosen as there."""
    given = (class_logits, box_offsets, class_targets, box_targets, num_positive)
    parts = multibox_loss(*given)
    rows, _, counts = select_anchors(class_logits, class_targets, num_positive, 3.0)
    log_probabilities = mx.nd.log_softmax(mx.nd.gather_nd(class_logits, rows), axis=-1)
    every_class = -log_probabilities.mean(axis=-1)
    every_class = mx.nd.where(counts, every_class, mx.nd.zeros_like(every_class))
    owner = mx.nd.one_hot(rows[0], class_targets.shape[0])
    even = mx.nd.dot(every_class, owner) / max(1.0, float(num_positive))
    return {**parts, "CrossEntropy": parts["CrossEntropy"] * (1 - share) + even * share}
