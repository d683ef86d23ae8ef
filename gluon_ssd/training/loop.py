"""One epoch of training: forward, backward, step, measure; nothing else.

A step is one update of the weights. It learns from the batches of every process, and with
accumulation from several batches of each; together they are the global batch of the step.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from gluon_ssd.errors import DivergedError
from gluon_ssd.models.interface import Loss
from gluon_ssd.system.wording import some_of
from gluon_ssd.training.devices import Devices, Losses
from gluon_ssd.training.optimizer import Optimizer
from gluon_ssd.training.precision.amp import Precision
from gluon_ssd.training.team.team import Team
from gluon_ssd.training.weight_average import WeightAverage
from gluon_ssd.training.weight_watch import WeightWatch

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
    """A network on its devices, the loss it is measured by, what updates it and who watches.

    Attributes:
        accumulate: batches of this process that make one step.
        team: the processes that learn together.
        precision: what the network computes in.
        average: of the weights; None where none is kept.
    """

    network: Any
    devices: Devices
    loss: Loss
    optimizer: Optimizer
    watch: WeightWatch
    accumulate: int = 1
    team: Team = field(default_factory=Team)
    precision: Precision = field(default_factory=Precision)
    average: WeightAverage | None = None

    def averaged(self) -> AbstractContextManager[None]:
        """A block in which the network is the one to validate and save: see `WeightAverage`."""
        return nullcontext() if self.average is None else self.average.in_place()

    def update(self, rate: float, divisor: float) -> None:
        """Update the weights as `Optimizer.step` does, and then their averages."""
        self.optimizer.step(rate, divisor)
        if self.average is not None:
            self.average.update()


@dataclass(frozen=True)
class Step:
    """What one step measured.

    Attributes:
        batch: number within the epoch, from 0.
        indices: int64 (B,), images of this process.
        rate: learning rate used.
        image_losses: each part of the loss by name, float64 (B,) for the images of this process,
            divided as `Loss` says, over the global batch.
        data_wait_s: seconds spent on asking for the batch; the device may still have worked on
            the step before, so this is the most it can have waited.
        losses: each part of the loss by name, divided as `Loss` says, over the global batch. The
            legacy log shows the mean over images times the batch size, which is this sum.
        num_images: of the global batch.
        notices: float64, the requests of all processes, summed over them.
    """

    batch: int
    indices: np.ndarray
    rate: float
    image_losses: dict[str, np.ndarray]
    data_wait_s: float
    losses: dict[str, float]
    num_images: int
    notices: np.ndarray

    def broken_images(self) -> list[int]:
        """Indices of the images of this process whose loss is not finite."""
        finite = np.isfinite(list(self.image_losses.values())).all(axis=0)
        return [int(index) for index in self.indices[~finite]]

    def describe(self, epoch: int) -> str:
        """Where the run stands, for an error message."""
        return (
            f"[Epoch {epoch}][Batch {self.batch}], learning rate {self.rate}, "
            f"{losses_text(self.losses)}"
        )


@dataclass(frozen=True)
class Totals:
    """What the processes of a team add up in every step.

    Attributes:
        divisor: what the losses are to be divided by, such as foreground anchors.
        losses: each part of the loss by name, summed over the images, not divided by anything.
        broken_weights: 1 when the weights of a process are not finite; then the number of those.
        images: how many.
        notices: float64, see `Step.notices`.
    """

    divisor: float
    losses: dict[str, float]
    broken_weights: float
    images: float
    notices: np.ndarray

    def pack(self) -> np.ndarray:
        """All numbers as one float64 vector."""
        counts = [self.divisor, self.broken_weights, self.images]
        return np.array([*counts, *self.losses.values(), *self.notices], np.float64)

    def unpack(self, vector: np.ndarray) -> Totals:
        """The numbers of a vector that was packed from totals with the same names."""
        divisor, broken_weights, images, *rest = vector.tolist()
        losses = dict(zip(self.losses, rest, strict=False))
        notices = np.array(rest[len(losses) :], np.float64)
        return Totals(divisor, losses, broken_weights, images, notices)


def losses_text(losses: Mapping[str, float]) -> str:
    """The parts of a loss as log lines show them: "CrossEntropy=2.345, SmoothL1=0.678"."""
    return ", ".join(f"{name}={value:.3f}" for name, value in losses.items())


def diverged(
    what: str, step: Step, epoch: int, image_names: ImageNames, team: Team
) -> DivergedError:
    """The error for a step, with the images whose loss is broken, or else the whole batch.

    With a team every process must call it; the images of all are named.
    """
    broken = team.gather(np.array(step.broken_images(), np.int64))
    indices = broken if len(broken) else team.gather(step.indices)
    names = image_names([int(index) for index in indices])
    shown = some_of(names, most=_MAX_NAMES)
    return DivergedError(f"{what} {step.describe(epoch)}; images: {shown}")


def train_one_epoch(
    learner: Learner,
    batches: Iterable[Batch],
    *,
    epoch: int,
    rate: Callable[[int], float],
    on_step: Callable[[Step], None],
    image_names: ImageNames,
    first_batch: int = 0,
    notices: Callable[[], Sequence[float]] = tuple,
) -> None:
    """Train on every batch that comes.

    The loss is read back as soon as the forward pass is done. The backward pass is still under
    way then, while the next batch is fetched, so the device is never without work, and a
    broken loss is seen before it reaches the weights. The weights are looked at as well, since
    an activation can turn NaN into zero and hide it from the loss. Of several processes all go on
    or all stop: what each has seen is summed over them, also while the backward pass runs.

    Args:
        learner: network, devices, loss, optimiser and team.
        batches: the batches of this epoch and process, from `first_batch` on; `accumulate` of
            them make a step.
        epoch: for messages.
        rate: learning rate of a step's number within the epoch.
        on_step: called after every update; whatever it raises ends the epoch.
        image_names: file names of data-set indices.
        first_batch: number of the first step, when an epoch is taken up in its middle.
        notices: numbers of this process to sum over all of them, for `on_step`.

    Raises:
        DivergedError: the loss of a step is not finite, and it was not learnt from; or the
            gradients overflow whatever the loss scale; or the weights are not finite after a
            step. The caller checks those of the last one.
        TeamLost: another process is gone.
    """
    broken = functools.partial(diverged, epoch=epoch, image_names=image_names, team=learner.team)
    previous: Step | None = None
    waiting = iter(batches)
    for number in itertools.count(first_batch):
        learner.optimizer.clear()
        parts = _Parts(learner, waiting)
        if len(parts.losses) < learner.accumulate:
            return
        weights_broken = previous is not None and not learner.watch.is_finite()
        step, divisor, weights_broken = parts.finish(
            number, rate(number), weights_broken, notices()
        )
        if weights_broken:
            assert previous is not None, "the weights are looked at after a step"
            raise broken("the weights are beyond 1e19 or not finite after", previous)
        if not np.isfinite(list(step.losses.values())).all():
            raise broken("the loss is not finite at", step)
        learner.update(step.rate, divisor)
        if learner.precision.gave_up:
            raise broken("the gradients overflow whatever the loss scale at", step)
        learner.watch.start()
        on_step(step)
        previous = step


class _Parts:
    """The batches of one process in one step, forward and backward pass started.

    Alone with one batch, the loss can divide by its own count. Else nobody knows the count of the
    global batch yet: the gradients are divided by its images, to keep them in the range of
    numbers that float16 has, and the optimiser does the rest.
    """

    def __init__(self, learner: Learner, waiting: Iterator[Batch]) -> None:
        self._team = learner.team
        self._data_wait_s = 0.0
        self._indices: list[np.ndarray] = []
        self._normaliser: float | None = None
        self.losses: list[Losses] = []
        num_parts = learner.accumulate * learner.team.size
        asked_s = time.perf_counter()
        for batch in itertools.islice(waiting, learner.accumulate):
            self._data_wait_s += time.perf_counter() - asked_s
            self._indices.append(np.array(batch.indices))
            if num_parts > 1:
                self._normaliser = float(len(batch.indices) * num_parts)
            self.losses.append(
                learner.devices.forward_backward(
                    learner.precision.forward(learner.network),
                    learner.loss,
                    batch.arrays,
                    self._normaliser,
                    learner.precision.scaled,
                )
            )
            asked_s = time.perf_counter()

    def finish(
        self, number: int, rate: float, weights_broken: bool, notices: Sequence[float]
    ) -> tuple[Step, float, bool]:
        """Wait for the forward pass, of all processes.

        Returns:
            The step, what the sum of its gradients is to be divided by, and whether the weights
            of before were not finite on any process.
        """
        read = [(losses.divisor, losses.read()) for losses in self.losses]
        names = list(read[0][1])
        indices = np.concatenate(self._indices)
        own = Totals(
            divisor=sum(d for d, _ in read),
            losses={name: sum(d * parts[name].sum() for d, parts in read) for name in names},
            broken_weights=float(weights_broken),
            images=len(indices),
            notices=np.array(notices, np.float64),
        )
        total = own.unpack(self._team.total(own.pack()))
        count = max(1.0, total.divisor)
        step = Step(
            number,
            indices,
            rate,
            image_losses={
                name: np.concatenate([parts[name] * (d / count) for d, parts in read])
                for name in names
            },
            data_wait_s=self._data_wait_s,
            losses={name: value / count for name, value in total.losses.items()},
            num_images=int(total.images),
            notices=total.notices,
        )
        divisor = 1.0 if self._normaliser is None else count / self._normaliser
        return step, divisor, total.broken_weights > 0
