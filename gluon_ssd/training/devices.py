"""One device or many of one process: split a batch, run it, collect the losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.errors import OptionError

# (class_logits, box_offsets, class_targets, box_targets, num_positive) -> (total, class, box)
Loss = Callable[..., tuple[Any, Any, Any]]


class Losses:
    """The losses of one step, still on their devices until they are read.

    Args:
        class_loss: one (B_d,) array per device, in batch order.
        box_loss: the same.
        num_positive: positive anchors of these images, which both are divided by.
    """

    def __init__(
        self, class_loss: Sequence[Any], box_loss: Sequence[Any], num_positive: float
    ) -> None:
        self._class_loss = class_loss
        self._box_loss = box_loss
        self.num_positive = num_positive

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Wait for the forward pass; return class and box loss, float64 (B,) each."""
        return tuple(
            np.concatenate([part.asnumpy() for part in parts]).astype(np.float64)
            for parts in (self._class_loss, self._box_loss)
        )


class Devices:
    """Runs forward and backward of a batch on every device of this process.

    The gradients stay on their devices; the optimiser adds them up. Because the loss divides by
    the positives of the whole batch, their sum is the gradient that one device would compute.

    Args:
        contexts: MXNet contexts, at least one; the network has its parameters on all of them.
    """

    def __init__(self, contexts: Sequence[Any]) -> None:
        self.contexts = tuple(contexts)

    def split(self, array: Any) -> list[Any]:
        """Cut (B, ...) into one part per device, in order; the first ones may be larger by one.

        The parts of a NumPy array are copies: a loader may reuse its memory afterwards. Those of an
        MXNet array, which its loader must not touch again, are copied to other devices only.

        Raises:
            OptionError: fewer rows than devices.
        """
        if len(array) < len(self.contexts):
            raise OptionError(
                f"--batch-size {len(array)} is less than the {len(self.contexts)} devices; "
                "give every device at least one image, or use fewer --gpus"
            )
        if isinstance(array, mx.nd.NDArray):
            rows = np.array_split(np.arange(len(array)), len(self.contexts))
            return [
                array[int(part[0]) : int(part[-1]) + 1].as_in_context(context)
                for part, context in zip(rows, self.contexts, strict=True)
            ]
        parts = np.array_split(array, len(self.contexts))
        return [
            mx.nd.array(part, ctx=context, dtype=part.dtype)
            for part, context in zip(parts, self.contexts, strict=True)
        ]

    def forward_backward(
        self,
        network: Any,
        loss: Loss,
        arrays: Mapping[str, np.ndarray],
        normaliser: float | None = None,
        scaled: Callable[[list[Any]], list[Any]] | None = None,
    ) -> Losses:
        """Start both passes of one batch; returns before they are finished.

        Args:
            network: x (B, 3, H, W) -> (class_logits, box_offsets, ...).
            loss: as `gluon_ssd.detection.multibox_loss.multibox_loss`.
            arrays: "image" float32 (B, 3, H, W), "class_targets" (B, A), "box_targets" (B, A, 4).
            normaliser: what the gradients are divided by instead of the positives of this batch,
                when it is a part of a greater one whose positives are not known yet. The losses
                that are read are still per positive of this batch.
            scaled: makes of the losses what the backward pass starts from.
        """
        # Counted here, on the host, for all devices: none waits for another.
        num_positive = float(np.count_nonzero(arrays["class_targets"] > 0))
        images = self.split(arrays["image"])
        class_targets = self.split(arrays["class_targets"].astype(np.float32))
        box_targets = self.split(arrays["box_targets"])
        totals, class_losses, box_losses = [], [], []
        with mx.autograd.record():
            for image, classes, boxes in zip(images, class_targets, box_targets, strict=True):
                logits, offsets = network(image)[:2]
                total, class_loss, box_loss = loss(logits, offsets, classes, boxes, num_positive)
                if normaliser is not None:
                    total = total * (num_positive / normaliser)
                totals.append(total)
                class_losses.append(class_loss)
                box_losses.append(box_loss)
            totals = scaled(totals) if scaled else totals
        mx.autograd.backward(totals)
        return Losses(class_losses, box_losses, num_positive)
