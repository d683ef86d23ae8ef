"""The loss of RetinaNet: focal loss of every class by itself, and L1 of the boxes.

Source: "Focal Loss for Dense Object Detection", arXiv:1708.02002, section 3; per image both are
divided by the number of its positive anchors, as in the published training code of MLPerf.

There are 31.7 million class logits in an image of 800 pixels, 127 MB. Recorded operators would
keep about ten arrays of that size for the backward pass. Here nearly all logits, those of classes
that are not there, go through one formula, a piece at a time; the gradient is the only array of
full size. The few positive anchors are put right afterwards.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gluon_ssd.compat import mx

NDArray: TypeAlias = Any  # MXNet ships no types

ALPHA = 0.25
"""Weight of the classes that are there; the others have 1 - ALPHA."""

_PIECE = 2**18
"""Logits at once: their temporary arrays stay in the cache of a CPU."""


def focal_loss(
    class_logits: NDArray,
    box_offsets: NDArray,
    class_targets: NDArray,
    box_targets: NDArray,
    num_images: float,
) -> dict[str, NDArray]:
    """Class and box loss of every image; their sum is what a step minimises.

    | name | shape | dtype | meaning |
    |---|---|---|---|
    | class_logits | (B, A, C) | float32 | one class each, no background |
    | box_offsets | (B, A, 4) | float32 | predicted encoded offsets |
    | class_targets | (B, A) | float32 | label + 1, 0 background, below 0 ignored |
    | box_targets | (B, A, 4) | float32 | encoded offsets of the matched box |

    Args:
        num_images: of the global batch, over all devices and processes.

    Returns:
        "Focal", the loss of all classes at all anchors that are not ignored, and "L1", that of the
        boxes at the positive ones; each float32 (B,), divided by max(1, positive anchors of the
        image) and by `num_images`.
    """
    positive = class_targets > 0  # (B, A)
    divisor = num_images * mx.nd.maximum(positive.sum(axis=1), 1)
    distance = mx.nd.abs(box_offsets - box_targets).sum(axis=2)
    # Not a product: an offset that overflows where nothing is to be found is not looked at.
    distance = mx.nd.where(positive, distance, mx.nd.zeros_like(distance))
    return {
        "Focal": FocalSum()(class_logits, class_targets) / divisor,
        "L1": distance.sum(axis=1) / divisor,
    }


class FocalSum(mx.autograd.Function):
    """Class logits (B, A, C) and class targets (B, A) -> sum of the focal loss (B,), gamma = 2.

    The loss of a logit x is ALPHA h(-x) where the class is there and (1 - ALPHA) h(x) where not,
    with h(x) = sigmoid(x)^2 log(1 + exp(x)). The gradient is found along the way.
    """

    def forward(self, class_logits: NDArray, class_targets: NDArray) -> NDArray:
        """See the class."""
        self._gradient = mx.nd.empty(class_logits.shape, class_logits.context)
        background = class_targets == 0
        images = zip(class_logits, background, self._gradient)  # noqa: B905
        total = mx.nd.concat(*(self._background(*image) for image in images), dim=0)
        positive = np.argwhere(class_targets.asnumpy() > 0)
        if len(positive):
            total = total + self._positive(class_logits, class_targets, positive)
        return total

    @staticmethod
    def _background(logits: NDArray, counts: NDArray, gradient: NDArray) -> NDArray:
        """Loss (1,) of the anchors of an image that have 1 in `counts` (A,).

        Writes all of the image's gradient (A, C), which is 0 for the other anchors.
        """
        anchors, classes = logits.shape
        ones = mx.nd.ones((classes,), logits.context)
        weights = (1 - ALPHA) * counts
        losses = []
        step = max(1, _PIECE // classes)
        for start in range(0, anchors, step):
            piece = slice(start, min(start + step, anchors))
            value, slope = _focused(logits[piece])
            mx.nd.broadcast_mul(slope, weights[piece].expand_dims(1), out=gradient[piece])
            losses.append(mx.nd.dot(value, ones))
        return mx.nd.dot(mx.nd.concat(*losses, dim=0), weights).reshape((1,))

    def _positive(
        self, class_logits: NDArray, class_targets: NDArray, places: npt.NDArray[np.int64]
    ) -> NDArray:
        """Loss (B,) of the anchors at `places` (P, 2), image and anchor; writes their gradient."""
        rows = mx.nd.array(places.T, class_logits.context, "int32")
        x = mx.nd.gather_nd(class_logits, rows)  # (P, C)
        is_there = mx.nd.one_hot(mx.nd.gather_nd(class_targets, rows) - 1, x.shape[1])
        sign = 1 - 2 * is_there
        weight = (1 - ALPHA) + (2 * ALPHA - 1) * is_there
        value, slope = _focused(sign * x)
        mx.nd._internal._scatter_set_nd(
            self._gradient, sign * weight * slope, rows, class_logits.shape, out=self._gradient
        )
        owner = mx.nd.one_hot(rows[0], class_logits.shape[0])  # (P, B)
        return mx.nd.dot((weight * value).sum(axis=1), owner)

    def backward(self, outer: NDArray) -> tuple[NDArray, NDArray]:
        """Gradients of both inputs from that of the sums (B,); the targets have none."""
        gradient = mx.nd.broadcast_mul(self._gradient, outer.reshape((-1, 1, 1)))
        return gradient, mx.nd.zeros(self._gradient.shape[:2], outer.context)


def _focused(x: NDArray) -> tuple[NDArray, NDArray]:
    """h(x), see `FocalSum`, and its derivative: p^2 (2 (1 - p) log(1 + e^x) + p), p = sigmoid(x).

    log(1 + e^x) is max(x, 0) - log(1 - s), where s is the sigmoid of -|x|: exact for small and for
    large numbers, as MXNet's `softrelu` is not below 0.
    """
    p = mx.nd.Activation(x, act_type="sigmoid")
    q = 1 - p
    softplus = mx.nd.relu(x) - mx.nd.log1p(mx.nd.negative(mx.nd.minimum(p, q)))
    p_squared = mx.nd.square(p)
    return p_squared * softplus, p_squared * (2 * q * softplus + p)
