"""The course of a run: what is done at each step and at the end of each epoch."""

from __future__ import annotations

import random
import time
from contextlib import nullcontext

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.errors import DataError, DivergedError, EnvironmentProblem, Interrupted
from gluon_ssd.system.signals import SIGNALS, StopRequest
from gluon_ssd.training.checkpointer import Checkpointer
from gluon_ssd.training.loop import Step, train_one_epoch
from gluon_ssd.training.meters import Meter
from gluon_ssd.training.plan import Evaluation, Job
from gluon_ssd.training.reporting import Reporter
from gluon_ssd.training.resume import State


class Run:
    """One call of `fit` from `state` on, and what is done at each point of it.

    `stop` remembers a signal.
    """

    def __init__(self, job: Job, state: State, stop: StopRequest) -> None:
        self.job, self.state, self.stop = job, state, stop
        self.plan, self.hooks, self.clock = job.plan, job.hooks, job.clock
        self.team = job.learner.team
        self.reporter = Reporter(job, state.position)
        self.checkpointer = Checkpointer(job)

    def epochs(self) -> None:
        """Train from where the state stands to the last epoch; the reporter is open."""
        try:
            for epoch in range(self.state.epoch, self.plan.epochs):
                if self.early_end:
                    break
                self.reporter.begin_epoch(epoch)
                self._train(epoch)
                self._finish(epoch)
        except DivergedError as error:
            message = f"{error}; {self.checkpointer.outlook()}; try a lower learning rate"
            self.reporter.event("diverged", self.state.position, message=message)
            self.team.total(np.zeros(1))  # as in _leave
            raise DivergedError(message, settings=("lr",)) from error
        self.reporter.end(self.state, self.early_end or "epochs")

    @property
    def early_end(self) -> str:
        """Why no more epochs are trained, as the journal has it; empty where they are."""
        if self.reached_target:
            return "target"
        patience = self.plan.patience
        is_over = patience and self.state.best.waited >= patience
        return "patience" if is_over and self.state.epoch < self.plan.epochs else ""

    @property
    def reached_target(self) -> bool:
        """Whether a validation was as good as asked for, also before the run was resumed."""
        best, target = self.state.best.score, self.plan.target_score
        return bool(target) and best is not None and best >= target

    def _train(self, epoch: int) -> None:
        # From (seed, epoch) alone, so that MXNet's own generator needs no saving.
        mx.random.seed(random.Random(f"{self.plan.seed} {epoch}").getrandbits(31))
        expected = self.clock.num_batches(epoch)
        if self.state.batch < expected:
            self.state.meter.restart()
            train_one_epoch(
                self.job.learner,
                self.job.batches.epoch(epoch, self.state.batch),
                epoch=epoch,
                first_batch=self.state.batch,
                rate=lambda batch: self.clock.rate(
                    self.plan.schedule, self.clock.step(epoch, batch)
                ),
                on_step=self._after_step,
                image_names=self.hooks.image_names,
                notices=lambda: self._notices(self.checkpointer.is_due),
            )
        if self.state.batch < expected:
            raise DataError(
                f"the data ended after {self.state.batch} of {expected} batches of epoch {epoch}; "
                "check the data set, then go on from the last checkpoint",
                settings=("resume",),
            )

    def _after_step(self, step: Step) -> None:
        self.state.last_step = step
        self.state.batch = step.batch + 1
        self.state.meter.add(step)
        self.reporter.step(step, self.state)
        self._follow(step.notices)

    def _notices(self, checkpoint: bool) -> list[float]:
        """What this process wants all processes to do, 1 for yes: stop, by signal; checkpoint."""
        leave = [self.stop.signal_number == number for number in SIGNALS]
        return [float(asked) for asked in (*leave, checkpoint)]

    def _consult(self, checkpoint: bool) -> None:
        """Ask all processes, between two steps, and do what they ask for."""
        self._follow(self.team.total(np.array(self._notices(checkpoint))))

    def _follow(self, notices: np.ndarray) -> None:
        """Do what any process asked for, on all of them at the same step."""
        *asked_to_leave, checkpoint = notices
        for number, asked in zip(SIGNALS, asked_to_leave, strict=True):
            if asked:
                self.stop.ask(number)
                self._leave()
        if checkpoint:
            self._checkpoint()

    def _finish(self, epoch: int) -> None:
        """End an epoch: log it, validate, keep weights, write checkpoint and curves."""
        # Reading the weights waits for the last update, so it comes before the clock is read.
        self.checkpointer.check_weights(self.state)
        self.reporter.end_epoch(epoch, self.state.meter)
        evaluation = None
        if self.hooks.evaluate is not None and self.plan.validates(epoch):
            # Whatever validation meets, the epoch is on the disk: from this checkpoint, in which
            # all batches of the epoch are done, a run goes on with the validation.
            self.checkpointer.keep_unscored(epoch)
            self._consult(checkpoint=True)
            evaluation = self._validate(epoch)
        improved = evaluation is not None and self.state.best.improve(epoch, evaluation)
        self.checkpointer.keep_weights(epoch, evaluation, improved)
        if not (self.plan.is_cut and epoch == self.plan.epochs - 1):
            self.state.epoch, self.state.batch, self.state.meter = epoch + 1, 0, Meter()
        self._checkpoint()
        self.reporter.publish(curves=evaluation is not None)

    def _validate(self, epoch: int) -> Evaluation:
        assert self.hooks.evaluate is not None, "the caller has checked it"
        started_s = time.perf_counter()
        self.reporter.moment("validation_begin", (epoch + 1, 0), epoch=epoch)
        try:
            # The processes of a team stop together, where their evaluation asks for it. A signal
            # must not cut what puts the weights back, so that is the outer block.
            with (
                self.job.learner.averaged(),
                self.stop.may_cut() if self.team.size == 1 else nullcontext(),
            ):
                evaluation = self.hooks.evaluate()
        except Interrupted:
            self._consult(checkpoint=False)
            raise
        except (DataError, EnvironmentProblem) as error:
            error.args = (
                f"{error}; epoch {epoch} is trained and saved, go on with its validation from "
                f"{self.job.files.checkpoint}",
            )
            error.settings = (*error.settings, "resume")
            raise
        self.reporter.validation(epoch, evaluation, time.perf_counter() - started_s)
        return evaluation

    def _checkpoint(self) -> None:
        seconds = round(self.checkpointer.save(self.state), 3)
        file = str(self.job.files.checkpoint)
        self.reporter.event("checkpoint", self.state.position, file=file, seconds=seconds)

    def _leave(self) -> None:
        """Write a checkpoint and raise Interrupted for the signal that came."""
        self._checkpoint()
        self.reporter.event("end", self.state.position, reason="signal")
        # A launcher ends all processes when one ends: none does before the checkpoint is there.
        self.team.total(np.zeros(1))
        self.stop.leave(
            f"at [Epoch {self.state.epoch}][Batch {self.state.batch}]; "
            f"go on from {self.job.files.checkpoint}",
            settings=("resume",),
        )
