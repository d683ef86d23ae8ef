"""The learning rate as a pure function of the step: a resumed run follows the same curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gluon_ssd.errors import OptionError

KINDS = ("step", "cosine")


@dataclass(frozen=True)
class Schedule:
    """What decides the learning rate, counted in epochs as the user gives it.

    Attributes:
        base: learning rate after warm-up and before any decay.
        decay: factor applied at each decay epoch (kind "step").
        decay_epochs: rising epochs at whose start the rate drops.
        kind: "step", or "cosine" from `base` to zero at the end of the run.
        warmup_epochs: the rate rises linearly over this many epochs (0: no warm-up).
        warmup_steps: the same in steps; the longer of the two counts.
        warmup_factor: share of the rate that the rise starts from.
        starts_at_factor: the first step runs at that share, as published for NVIDIA's and MLPerf's
            networks, and not one step's rise above it.
    """

    base: float
    decay: float = 0.1
    decay_epochs: tuple[float, ...] = ()
    kind: str = "step"
    warmup_epochs: float = 0.0
    warmup_steps: int = 0
    warmup_factor: float = 0.0
    starts_at_factor: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise OptionError(
                f"unknown learning-rate schedule {self.kind!r}; choose one of {', '.join(KINDS)}"
            )
        if not (math.isfinite(self.base) and self.base > 0):
            raise OptionError(f"the learning rate must be a positive number; got {self.base}")
        if any(b <= a for a, b in zip(self.decay_epochs, self.decay_epochs[1:], strict=False)):
            raise OptionError(f"learning-rate decay epochs must rise; got {self.decay_epochs}")


def learning_rate(
    step: int,
    schedule: Schedule,
    *,
    decay_steps: Sequence[int] = (),
    warmup_steps: int = 0,
    total_steps: int = 0,
) -> float:
    """Rate of one step.

    Args:
        step: counted from 0 over the whole run.
        schedule: its epochs and steps are not read: the next three arguments replace them.
        decay_steps: first steps that run at the dropped rate.
        warmup_steps: steps of linear rise, the first of which lies one step's rise above its start,
            or at it (`starts_at_factor`); the step after them is the first at the full rate.
        total_steps: length of the run, where the cosine reaches zero.
    """
    if schedule.kind == "cosine":
        span = max(1, total_steps - warmup_steps)
        progress = min(1.0, max(0, step - warmup_steps) / span)
        rate = schedule.base * 0.5 * (1 + math.cos(math.pi * progress))
    else:
        rate = schedule.base
        # Multiplied one by one, so that the printed rates keep their short legacy form (1e-05).
        for _ in range(sum(step >= first for first in decay_steps)):
            rate *= schedule.decay
    if step < warmup_steps:
        start = schedule.warmup_factor
        risen = step if schedule.starts_at_factor else step + 1
        rate *= start + (1 - start) * risen / warmup_steps
    return rate


class EpochClock:
    """Translates between epochs and steps; as fast for any number of epochs.

    Args:
        batches_before: the number of batches of all epochs before an epoch, from 0 to `epochs`.
            Epochs may differ by one, since a rolled-over remainder joins the next epoch.
        epochs: of the whole run.
    """

    def __init__(self, batches_before: Callable[[int], int], epochs: int) -> None:
        self._batches_before = batches_before
        self.epochs = epochs

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self._batches_before(self.epochs)

    def num_batches(self, epoch: int) -> int:
        """Steps of one epoch."""
        return self._batches_before(epoch + 1) - self._batches_before(epoch)

    def step(self, epoch: int, batch: int = 0) -> int:
        """Step of a batch, counted over the whole run."""
        return self._batches_before(epoch) + batch

    def step_at(self, epochs: float) -> int:
        """First step at or after a possibly fractional number of epochs; the end caps it."""
        whole = int(epochs)
        if whole >= self.epochs:
            return self.total_steps
        return self.step(whole) + math.ceil((epochs - whole) * self.num_batches(whole))

    def rate(self, schedule: Schedule, step: int) -> float:
        """Learning rate of a step under a schedule."""
        return learning_rate(
            step,
            schedule,
            # A drop planned beyond the last epoch never comes.
            decay_steps=[self.step_at(e) for e in schedule.decay_epochs if e < self.epochs],
            warmup_steps=max(schedule.warmup_steps, self.step_at(schedule.warmup_epochs)),
            total_steps=self.total_steps,
        )
