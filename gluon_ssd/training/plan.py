"""What a run is told, numbers in a Plan and callables in Hooks, and all that it works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from logging import LogRecord
from pathlib import Path
from typing import Any, Protocol

from gluon_ssd.errors import OptionError
from gluon_ssd.system.signals import StopRequest
from gluon_ssd.training.journal import Event, Position
from gluon_ssd.training.learning_rate import EpochClock, Schedule
from gluon_ssd.training.loop import Batch, ImageNames, Learner
from gluon_ssd.training.run_files import RunFiles


class Batches(Protocol):
    """Where batches come from: a pure function of epoch and batch number."""

    def num_batches(self, epoch: int) -> int:
        """Batches of an epoch, which may differ by one between epochs."""

    def batches_before(self, epoch: int) -> int:
        """Batches of all epochs before this one, which costs the same for any epoch."""

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from `start_batch` on."""


class Watcher(Protocol):
    """Told what happens in a run, by its leading process."""

    def __call__(self, event: str, at: Position, fields: Mapping[str, Any]) -> None:
        """An event of the journal with its fields, or "epoch_begin" or "validation_begin"."""


class Evaluation(Protocol):
    """Outcome of a validation."""

    @property
    def lines(self) -> Sequence[tuple[str, str]]:
        """(name, value) as text, in printing order; the last one is the mean AP."""

    @property
    def score(self) -> float:
        """The mean AP in full precision; runs are compared by it."""

    @property
    def class_scores(self) -> Mapping[str, float]:
        """The AP of each class by name, NaN for a class without ground truth."""

    @property
    def losses(self) -> Mapping[str, float]:
        """Each part of the loss over the validation set by name; empty where it was not asked."""


@dataclass(frozen=True)
class Plan:
    """Everything about a run that is a plain value.

    Attributes:
        prefix: start of every output file name, with the network name.
        epochs: the run ends before this epoch.
        limit_steps: the number of steps that `epochs` comes from, for messages; 0: from none.
        is_cut: the last epoch is cut short; its checkpoint stands within it, so that a longer run
            goes on there.
        schedule: learning rate.
        rule, momentum, wd, no_wd_on_bias_bn, clip_gradient_norm: see `Optimizer`.
        start_epoch: first epoch, unless a checkpoint says otherwise.
        resume: path of a checkpoint or of a legacy ``.params`` file; "" starts anew.
        log_interval: batches between two log lines; 0 writes none.
        save_interval: epochs between two sets of weights; 0 keeps none but the best.
        val_interval: epochs between two validations.
        val_epochs: the epochs that end with a validation, beside the last one; empty goes by
            `val_interval`.
        target_score: the run ends with the validation that reaches it, a fraction; 0: never.
        patience: the run ends after so many validations in a row without a better score; 0: never.
        average_decay: of the averages of the weights that are validated and saved, below 1; 0:
            the weights themselves are.
        accumulate: batches of each process that make one step.
        checkpoint_interval_s: a checkpoint is also written after this many seconds; 0: never.
        seed: of MXNet's generator, mixed with the epoch.
        options: all options of the run, for the checkpoint and the journal.
        network: what identifies the network (name, classes, input size, anchors, ...).
        first_lines: logged before anything else.
    """

    prefix: str
    epochs: int
    schedule: Schedule
    rule: str = "sgd"
    momentum: float = 0.9
    wd: float = 0.0005
    no_wd_on_bias_bn: bool = False
    clip_gradient_norm: float | None = None
    limit_steps: int = 0
    is_cut: bool = False
    start_epoch: int = 0
    resume: str = ""
    log_interval: int = 100
    save_interval: int = 10
    val_interval: int = 1
    val_epochs: tuple[int, ...] = ()
    target_score: float = 0.0
    patience: int = 0
    average_decay: float = 0.0
    checkpoint_interval_s: float = 600.0
    accumulate: int = 1
    seed: int = 233
    options: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    first_lines: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("epochs", "val_interval", "accumulate"):
            self._check(name, least=1)
        for name in ("start_epoch", "log_interval", "save_interval", "patience"):
            self._check(name, least=0)
        if not 0 <= self.average_decay < 1:
            raise OptionError(
                f"average_decay must be at least 0 and below 1; got {self.average_decay}",
                settings=("average_weights",),
            )

    def _check(self, name: str, *, least: int) -> None:
        value = getattr(self, name)
        if value < least:
            raise OptionError(f"{name} must be at least {least}; got {value}", settings=(name,))

    def saves(self, epoch: int) -> bool:
        """Whether the weights of this epoch are kept; the last epoch always counts."""
        last = epoch == self.epochs - 1
        return self.save_interval > 0 and (epoch % self.save_interval == 0 or last)

    def validates(self, epoch: int) -> bool:
        """Whether this epoch ends with a validation; kept weights carry their score.

        Listed epochs are all there are, so weights that are kept between have none.
        """
        last = epoch == self.epochs - 1
        if self.val_epochs:
            return epoch in self.val_epochs or last
        return epoch % self.val_interval == 0 or self.saves(epoch) or last


@dataclass(frozen=True)
class Hooks:
    """What training asks others to do.

    Attributes:
        save_weights: write the weights to a path.
        image_names: file names of data-set indices.
        evaluate: validate the network as it stands; None when there is nothing to validate on.
        load_weights: read a ``.params`` file into the network.
        draw_curves: draw the events of a journal into a picture at a path.
        write_results: write the epochs of a journal to a table at a path.
        watchers: told of every event, beside the journal.
        stop: remembers signals, when the caller listens to them; None lets the run listen.
        told: messages of before the run; its log has them behind the first lines.
    """

    save_weights: Callable[[str], None]
    image_names: ImageNames
    evaluate: Callable[[], Evaluation] | None = None
    load_weights: Callable[[str], object] | None = None
    draw_curves: Callable[[Sequence[Event], Path], None] | None = None
    write_results: Callable[[Sequence[Event], Path], None] | None = None
    watchers: Sequence[Watcher] = ()
    stop: StopRequest | None = None
    told: Sequence[LogRecord] = ()


@dataclass(frozen=True)
class Job:
    """Everything a run works with.

    Attributes:
        learner: network, loss, optimiser and team.
        batches: of this process.
        plan, hooks: what the run is told.
        files: names of the outputs.
    """

    learner: Learner
    batches: Batches
    plan: Plan
    hooks: Hooks
    files: RunFiles

    @cached_property
    def clock(self) -> EpochClock:
        """The steps of the whole run."""
        return EpochClock(self.batches.batches_before, self.plan.epochs)

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes files."""
        return self.learner.team.rank == 0
