"""One device or many of one process: split a batch, run it, collect the losses."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.errors import OptionError
from gluon_ssd.models.interface import Loss


@dataclass(frozen=True)
class Losses:
    """The losses of one batch, still on their devices until they are read.

    Attributes:
        parts: for every device, in batch order, each part of the loss by name, (B_d,).
        divisor: what the parts are divided by, such as the positive anchors of these images.
    """

    parts: Sequence[Mapping[str, Any]]
    divisor: float

    def read(self) -> dict[str, np.ndarray]:
        """Wait for the forward pass; return each part of the loss, float64 (B,)."""
        return {
            name: np.concatenate([parts[name].asnumpy() for parts in self.parts], dtype=np.float64)
            for name in self.parts[0]
        }


class Devices:
    """Runs forward and backward of a batch on every device of this process.

    The gradients stay on their devices; the optimiser adds them up. Because the loss divides by
    a number of the whole batch, their sum is the gradient that one device would compute.

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
                f"the batch of {len(array)} images is less than the {len(self.contexts)} devices; "
                "give every device at least one image, or use fewer devices",
                settings=("batch_size", "gpus"),
            )
        rows = np.array_split(np.arange(len(array)), len(self.contexts))
        parts = (array[int(each[0]) : int(each[-1]) + 1] for each in rows)
        placed = zip(parts, self.contexts, strict=True)
        if isinstance(array, mx.nd.NDArray):
            return [part.as_in_context(context) for part, context in placed]
        return [mx.nd.array(part, ctx=context, dtype=part.dtype) for part, context in placed]

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
            loss: see `models.interface.Loss`.
            arrays: "image" float32 (B, 3, H, W); "class_targets" (B, A), above 0 foreground, 0
                background, below 0 ignored; "box_targets" (B, A, 4).
            normaliser: what the gradients are divided by instead of the divisor of this batch,
                when it is a part of a greater one whose divisor is not known yet. The losses that
                are read are still divided by that of this batch.
            scaled: turns the total losses into what the backward pass starts from.
        """
        # Counted here, on the host, for all devices: none waits for another.
        divisor = loss.divisor(arrays["class_targets"])
        facts = loss.facts(arrays["class_targets"])
        images = self.split(arrays["image"])
        class_targets = self.split(arrays["class_targets"].astype(np.float32))
        box_targets = self.split(arrays["box_targets"])
        totals, every_part = [], []
        with mx.autograd.record():
            for image, classes, boxes in zip(images, class_targets, box_targets, strict=True):
                logits, offsets = network(image)[:2]
                parts = loss.parts(logits, offsets, classes, boxes, divisor, **facts)
                total = functools.reduce(operator.add, parts.values())
                if normaliser is not None:
                    total = total * (divisor / normaliser)
                totals.append(total)
                every_part.append(parts)
            totals = scaled(totals) if scaled else totals
        mx.autograd.backward(totals)
        return Losses(every_part, divisor)
