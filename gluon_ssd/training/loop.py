"""One epoch of training: forward, backward, step, measure; nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gluon_ssd.errors import DivergedError
from gluon_ssd.training.finite import WeightWatch
from gluon_ssd.training.optimizer import Optimizer
from gluon_ssd.training.parallel import Devices, Loss

_MAX_NAMES = 32  # the usual batch; a message has to end somewhere


class Batch(Protocol):
    """What a loader yields; the arrays are valid until the next batch is asked for."""

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """See `Devices.forward_backward`."""

    @property
    def indices(self) -> np.ndarray:
        """int64 (B,), positions in the data set."""


ImageNames = Callable[[Sequence[int]], Sequence[str]]


@dataclass(frozen=True)
class Learner:
    """A network on its devices, the loss it is measured by, what updates it and who watches."""

    network: Any
    devices: Devices
    loss: Loss
    optimizer: Optimizer
    watch: WeightWatch


@dataclass(frozen=True)
class Step:
    """What one step measured.

    Attributes:
        batch: number within the epoch, from 0.
        indices: int64 (B,), images of the batch.
        rate: learning rate used.
        class_losses, box_losses: float64 (B,), per image, normalised as the loss is.
        data_wait_s: seconds spent on asking for the batch; the device may still have worked on
            the step before, so this is the most it can have waited.
    """

    batch: int
    indices: np.ndarray
    rate: float
    class_losses: np.ndarray
    box_losses: np.ndarray
    data_wait_s: float

    # The legacy log shows the mean over images times the batch size, which is the sum.
    @property
    def cross_entropy(self) -> float:
        """Class loss per positive anchor of the batch."""
        return float(self.class_losses.sum())

    @property
    def smooth_l1(self) -> float:
        """Box loss per positive anchor of the batch."""
        return float(self.box_losses.sum())

    def broken_images(self) -> list[int]:
        """Indices of the images whose loss is not finite."""
        finite = np.isfinite(self.class_losses) & np.isfinite(self.box_losses)
        return [int(index) for index in self.indices[~finite]]

    def describe(self, epoch: int) -> str:
        """Where the run stands, for an error message."""
        return (
            f"[Epoch {epoch}][Batch {self.batch}], learning rate {self.rate}, "
            f"CrossEntropy={self.cross_entropy:.3f}, SmoothL1={self.smooth_l1:.3f}"
        )


def diverged(what: str, step: Step, epoch: int, image_names: ImageNames) -> DivergedError:
    """The error for a step, with the images whose loss is broken, or else the whole batch."""
    names = image_names(step.broken_images() or [int(index) for index in step.indices])
    rest = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    shown = ", ".join(names[:_MAX_NAMES])
    return DivergedError(f"{what} {step.describe(epoch)}; images: {shown}{rest}")


def train_one_epoch(
    learner: Learner,
    batches: Iterable[Batch],
    *,
    epoch: int,
    rate: Callable[[int], float],
    on_step: Callable[[Step], None],
    image_names: ImageNames,
    first_batch: int = 0,
) -> None:
    """Train on every batch that comes.

    The loss is read back as soon as the forward pass is done. The backward pass is still under
    way then and covers the fetching of the next batch, so the device does not run dry, and a
    broken loss is seen before it reaches the weights. The weights are looked at as well, since
    an activation can turn NaN into zero and hide it from the loss.

    Args:
        learner: network, devices, loss and optimiser.
        batches: the batches of this epoch, from `first_batch` on.
        epoch: for messages.
        rate: learning rate of a batch number.
        on_step: called after every update; whatever it raises ends the epoch.
        image_names: file names of data-set indices.
        first_batch: number of the first batch, when an epoch is taken up in its middle.

    Raises:
        DivergedError: the loss of a batch is not finite, and that batch was not learnt from; or
            the weights are not finite after a batch. The caller checks those of the last batch.
    """
    previous: Step | None = None
    asked_s = time.perf_counter()
    for number, batch in enumerate(batches, start=first_batch):
        data_wait_s = time.perf_counter() - asked_s
        losses = learner.devices.forward_backward(learner.network, learner.loss, batch.arrays)
        class_losses, box_losses = losses.read()
        indices = np.array(batch.indices)
        step = Step(number, indices, rate(number), class_losses, box_losses, data_wait_s)
        if previous is not None and not learner.watch.is_finite():
            raise diverged(
                "the weights are beyond 1e19 or not finite after", previous, epoch, image_names
            )
        if step.broken_images():
            raise diverged("the loss is not finite at", step, epoch, image_names)
        learner.optimizer.step(step.rate)
        learner.watch.start()
        on_step(step)
        previous = step
        asked_s = time.perf_counter()
