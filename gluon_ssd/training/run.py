"""The course of a run: what is done at each step and at the end of each epoch."""

from __future__ import annotations

import logging
import random
import time
from contextlib import nullcontext
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.errors import DataError, DivergedError, Interrupted
from gluon_ssd.system.progress import progress_bar
from gluon_ssd.system.signals import SIGNALS, StopRequest
from gluon_ssd.training.checkpoint import (
    first_non_finite,
    is_checkpoint,
    network_arrays,
    plain_json,
    run_arrays,
    save_checkpoint,
    statistics,
)
from gluon_ssd.training.journal import Journal, last_run, read_journal
from gluon_ssd.training.learning_rate import EpochClock
from gluon_ssd.training.loop import Learner, Step, diverged, train_one_epoch
from gluon_ssd.training.meters import Meter
from gluon_ssd.training.plan import Batches, Evaluation, Hooks, Plan
from gluon_ssd.training.resume import State, shown_score
from gluon_ssd.training.run_files import RunFiles, Silence, add_best

_logger = logging.getLogger(__name__)


class Run:
    """The state of one call of `fit`, and what is done at each point of it.

    Args:
        learner: network, loss, optimiser and team, where the run starts.
        batches: of this process.
        state: where the run starts.
        plan, hooks: what the run is told.
        files: names of the outputs.
        stop: remembers a signal.
    """

    def __init__(
        self,
        learner: Learner,
        batches: Batches,
        state: State,
        *,
        plan: Plan,
        hooks: Hooks,
        files: RunFiles,
        stop: StopRequest,
    ) -> None:
        self.learner, self.batches, self.state = learner, batches, state
        self.plan, self.hooks, self.files, self.stop = plan, hooks, files, stop
        self.team = learner.team
        self.leads = self.team.rank == 0
        self.clock = EpochClock([batches.num_batches(e) for e in range(plan.epochs)])
        self._first_step = self.clock.step(*self.position)
        self._started_s = time.monotonic()
        self.journal: Journal | Silence = Silence()
        self.progress: Any = Silence()
        if self.leads:
            self._open_outputs()
        self._announced_rate = plan.schedule.base
        self._interval = Meter()
        self._last_step: Step | None = None
        self._last_checkpoint_s = time.monotonic()

    def _open_outputs(self) -> None:
        resume = self.plan.resume
        continued = bool(resume) and is_checkpoint(resume)
        self.journal = Journal(self.files.journal, resume_at=self.position if continued else None)
        self.journal.write(
            "resume" if continued else "start",
            self.position,
            options=plain_json(self.plan.options),
            file=resume or None,
        )
        self.progress = progress_bar(
            total=self.clock.total_steps,  # of the whole run, and so is the remaining time shown
            initial=self._first_step,
            unit="batch",
            description="train",
        )

    @property
    def position(self) -> tuple[int, int]:
        """The next batch as (epoch, batch)."""
        return self.state.epoch, self.state.batch

    def _remaining_s(self, step: int) -> float | None:
        """Seconds to the end of the run at the pace so far, validations included."""
        done = step - self._first_step
        if done <= 0:
            return None
        pace_s = (time.monotonic() - self._started_s) / done
        return round(pace_s * (self.clock.total_steps - step), 1)

    def epochs(self) -> None:
        """Train from where the state stands to the last epoch."""
        _logger.info("Start training from [Epoch %d]", self.state.epoch)
        try:
            for epoch in range(self.state.epoch, self.plan.epochs):
                self._announce_rate(epoch)
                self._train(epoch)
                self._finish(epoch)
        except DivergedError as error:
            self._report_divergence(error)
        self.journal.write("end", self.position, best_score=self.state.best.score)

    def _announce_rate(self, epoch: int) -> None:
        rate = self.clock.rate(self.plan.schedule, self.clock.step(epoch))
        if rate != self._announced_rate:
            _logger.info("[Epoch %d] Set learning rate to %s", epoch, rate)
            self._announced_rate = rate

    def _train(self, epoch: int) -> None:
        # From (seed, epoch) alone, so that MXNet's own generator needs no saving.
        mx.random.seed(random.Random(f"{self.plan.seed} {epoch}").getrandbits(31))
        expected = self.clock.batches_per_epoch[epoch]
        if self.state.batch < expected:
            self._interval = Meter()
            self.state.meter.restart()
            train_one_epoch(
                self.learner,
                self.batches.epoch(epoch, self.state.batch),
                epoch=epoch,
                first_batch=self.state.batch,
                rate=lambda batch: self.clock.rate(
                    self.plan.schedule, self.clock.step(epoch, batch)
                ),
                on_step=self._after_step,
                image_names=self.hooks.image_names,
                notices=self._notices,
            )
        if self.state.batch < expected:
            raise DataError(
                f"the data ended after {self.state.batch} of {expected} batches of epoch {epoch}; "
                "check the data set, then go on with --resume"
            )

    def _after_step(self, step: Step) -> None:
        state = self.state
        self._last_step = step
        state.batch = step.batch + 1
        state.meter.add(step)
        self._interval.add(step)
        self.progress.update()
        if self.plan.log_interval and state.batch % self.plan.log_interval == 0:
            self._log_interval(step)
        self._heed(step.notices)

    def _notices(self, checkpoint: bool | None = None) -> list[float]:
        """What this process asks of all: to leave, one number a signal, and to write a checkpoint.

        Args:
            checkpoint: asked for or not; None asks when the interval between two is over.
        """
        if checkpoint is None:
            interval_s = self.plan.checkpoint_interval_s
            over = interval_s and time.monotonic() - self._last_checkpoint_s >= interval_s
            checkpoint = self.leads and bool(over)
        leave = [self.stop.signal_number == number for number in SIGNALS]
        return [float(asked) for asked in (*leave, checkpoint)]

    def _consult(self, checkpoint: bool | None) -> None:
        """Ask all processes, between two steps, and do what they say."""
        self._heed(self.team.total(np.array(self._notices(checkpoint))))

    def _heed(self, notices: np.ndarray) -> None:
        """Do what any process asked for, on all of them at the same step."""
        *asked_to_leave, checkpoint = notices
        for number, asked in zip(SIGNALS, asked_to_leave, strict=True):
            if asked:
                self.stop.ask(number)
                self._leave()
        if checkpoint:
            self._checkpoint()

    def _log_interval(self, step: Step) -> None:
        summary = self._interval.summary()
        _logger.info(
            "[Epoch %d][Batch %d], Speed: %.3f samples/sec, CrossEntropy=%.3f, SmoothL1=%.3f",
            self.state.epoch,
            step.batch,
            summary["samples_per_s"],
            self.state.meter.cross_entropy,
            self.state.meter.smooth_l1,
        )
        step_number = self.clock.step(*self.position)
        self.journal.write(
            "interval",
            self.position,
            step=step_number,
            lr=step.rate,
            remaining_s=self._remaining_s(step_number),
            **summary,
            **self.learner.precision.facts(),
        )
        self._interval = Meter()

    def _finish(self, epoch: int) -> None:
        """End an epoch: log it, validate, keep weights, write checkpoint and curves."""
        self.team.average(statistics(self.learner.network))
        # Reading the weights waits for the last update, so it comes before the clock is read.
        self._check_finite(network_arrays(self.learner.network))
        summary = self.state.meter.summary()
        _logger.info(
            "[Epoch %d] Training cost: %.3f, CrossEntropy=%.3f, SmoothL1=%.3f",
            epoch,
            summary["seconds"],
            summary["CrossEntropy"],
            summary["SmoothL1"],
        )
        after = (epoch + 1, 0)
        last_step = self.clock.step(*after) - 1
        rate = self.clock.rate(self.plan.schedule, max(0, last_step))
        self.journal.write(
            "epoch",
            after,
            epoch=epoch,
            step=last_step + 1,
            lr=rate,
            remaining_s=self._remaining_s(last_step + 1),
            **summary,
            **self.learner.precision.facts(),
        )
        evaluation = None
        if self.hooks.evaluate is not None and self.plan.validates(epoch):
            evaluation = self._validate(epoch)
        self._keep_weights(epoch, evaluation)
        if not (self.plan.is_cut and epoch == self.plan.epochs - 1):
            self.state.epoch, self.state.batch, self.state.meter = epoch + 1, 0, Meter()
        if self.plan.checkpoints(epoch):
            self._checkpoint()
        if self.leads and evaluation is not None and self.hooks.draw_curves is not None:
            self.hooks.draw_curves(last_run(read_journal(self.files.journal)), self.files.curves)

    def _validate(self, epoch: int) -> Evaluation:
        assert self.hooks.evaluate is not None, "the caller has checked it"
        started_s = time.perf_counter()
        # A team always writes one: a launcher gives it little time when a signal comes later.
        self._consult(checkpoint=None if self.team.size == 1 else True)
        try:
            # The processes of a team stop together, where their evaluation asks for it.
            with self.stop.may_cut() if self.team.size == 1 else nullcontext():
                evaluation = self.hooks.evaluate()
        except Interrupted:
            self._consult(checkpoint=False)
            raise
        lines = "\n".join(f"{name}={value}" for name, value in evaluation.lines)
        _logger.info("[Epoch %d] Validation: \n%s", epoch, lines)
        self.journal.write(
            "validation",
            (epoch + 1, 0),
            epoch=epoch,
            score=evaluation.score,
            values={name.strip(): value for name, value in evaluation.lines},
            seconds=round(time.perf_counter() - started_s, 3),
        )
        return evaluation

    def _keep_weights(self, epoch: int, evaluation: Evaluation | None) -> None:
        shown = 0.0 if evaluation is None else shown_score(evaluation)
        improved = evaluation is not None and self.state.best.improve(epoch, evaluation)
        if not self.leads:
            return
        if improved:
            self.hooks.save_weights(str(self.files.best_weights))
            add_best(self.files.best_log, epoch, shown)
        if self.plan.saves(epoch):
            self.hooks.save_weights(str(self.files.periodic_weights(epoch, shown)))

    def _checkpoint(self) -> None:
        started_s = time.perf_counter()
        self.team.average(statistics(self.learner.network))
        arrays = run_arrays(self.learner.network, self.learner.optimizer)
        self._check_finite(arrays)
        self._last_checkpoint_s = time.monotonic()
        if not self.leads:
            return
        facts = {
            **self.state.facts(),
            "step": self.clock.step(*self.position),
            "num_updates": self.learner.optimizer.num_updates,
            "options": plain_json(self.plan.options),
            "network": plain_json(self.plan.network),
            "amp": self.learner.precision.state(),
        }
        save_checkpoint(self.files.checkpoint, arrays, facts)
        self.journal.write(
            "checkpoint",
            self.position,
            file=str(self.files.checkpoint),
            seconds=round(time.perf_counter() - started_s, 3),
        )

    def _leave(self) -> None:
        """Write a checkpoint and raise Interrupted for the signal that came."""
        self._checkpoint()
        self.journal.write("end", self.position, reason="signal")
        # A launcher kills the others when one ends: none does before the checkpoint is there.
        self.team.total(np.zeros(1))
        self.stop.leave(
            f"at [Epoch {self.state.epoch}][Batch {self.state.batch}]; "
            f"go on with --resume {self.files.checkpoint}"
        )

    def _check_finite(self, arrays: dict[str, Any]) -> None:
        broken = first_non_finite(arrays)
        if not self.team.total(np.array([broken is not None]))[0]:
            return
        what = broken or "a weight of another process"
        if self._last_step is None:
            raise DivergedError(f"{what} is not finite in the weights that were loaded")
        raise diverged(
            f"{what} is not finite after",
            self._last_step,
            self.state.epoch,
            self.hooks.image_names,
            self.team,
        )

    def _report_divergence(self, error: DivergedError) -> None:
        """Raise the error again with what the user can do about it."""
        broken = first_non_finite(network_arrays(self.learner.network))
        weights = f"{broken} is not finite" if broken else "no weight is NaN or infinite"
        kept = "there is no checkpoint yet"
        if self.files.checkpoint.exists():
            kept = f"the last good checkpoint is {self.files.checkpoint}"
        message = f"{error}; {weights}; {kept}; try a lower --lr"
        self.journal.write("diverged", self.position, message=message)
        self.team.total(np.zeros(1))  # as in _leave
        raise DivergedError(message) from error
