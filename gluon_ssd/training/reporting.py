"""What a run tells about itself: log lines, journal, progress bar and curves."""

from __future__ import annotations

import logging
import time
from typing import Any

from gluon_ssd.errors import ModelError
from gluon_ssd.system.progress import progress_bar
from gluon_ssd.training.checkpoint import is_checkpoint, plain_json
from gluon_ssd.training.journal import FIELDS, Journal, Position, last_run, read_journal
from gluon_ssd.training.loop import Step, losses_text
from gluon_ssd.training.meters import Meter
from gluon_ssd.training.plan import Evaluation, Job
from gluon_ssd.training.resume import State

_logger = logging.getLogger(__name__)


class Reporter:
    """Reports on a run; a context that holds its journal and progress bar open.

    The leading process alone has a journal, a bar and curves. Every process logs; whoever starts
    the others decides what becomes of their lines. `start` is the batch where the run starts.
    """

    def __init__(self, job: Job, start: Position) -> None:
        self._job, self._plan, self._clock, self._start = job, job.plan, job.clock, start
        self._journal: Journal | None = None
        self._bar: Any = None
        self._rate = job.plan.schedule.base
        self._interval = Meter()

    def __enter__(self) -> Reporter:
        """Open the outputs. Raises EnvironmentProblem when the journal cannot be written."""
        self._started_s = time.monotonic()
        if self._job.leads:
            resume = self._plan.resume
            continued = bool(resume) and is_checkpoint(resume)
            resume_at = self._start if continued else None
            self._journal = Journal(self._job.files.journal, resume_at=resume_at)
            name, options = "resume" if continued else "start", plain_json(self._plan.options)
            step = self._clock.step(*self._start)
            self.event(name, self._start, options=options, file=resume or None, step=step)
            if continued:
                self.publish(curves=False)
            self._bar = progress_bar(
                total=self._clock.total_steps,  # of the whole run, as the time left that it shows
                initial=self._clock.step(*self._start),
                unit="batch",
                description="train",
            )
        _logger.info("Start training from [Epoch %d]", self._start[0])
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._journal is not None:
            self._journal.close()

    def event(self, name: str, at: Position, **fields: Any) -> None:
        """Write a line of the journal, on the process that has one, and tell the watchers."""
        if self._journal is not None:
            self._journal.write(name, at, **fields)
        self.moment(name, at, **fields)

    def moment(self, name: str, at: Position, **fields: Any) -> None:
        """Tell the watchers of what the journal has no line for."""
        if self._job.leads:
            for watcher in self._job.hooks.watchers:
                watcher(name, at, fields)

    def begin_epoch(self, epoch: int) -> None:
        """Log the learning rate when it is another than before."""
        self.moment("epoch_begin", (epoch, 0), epoch=epoch)
        rate = self._clock.rate(self._plan.schedule, self._clock.step(epoch))
        if rate != self._rate:
            _logger.info("[Epoch %d] Set learning rate to %s", epoch, rate)
            self._rate = rate
        self._interval = Meter()

    def step(self, step: Step, state: State) -> None:
        """Count a step, and log at the end of an interval; `state` has counted the step.

        Raises ModelError at once when a part of the loss has a name that the journal needs.
        """
        if taken := FIELDS & step.losses.keys():
            raise ModelError(
                f"no part of a loss can be named {' or '.join(sorted(taken))}, which the journal "
                "has for its own; give it another name"
            )
        self._interval.add(step)
        if self._bar is not None:
            self._bar.update()
        if not self._plan.log_interval or state.batch % self._plan.log_interval:
            return
        _logger.info(
            "[Epoch %d][Batch %d], Speed: %.3f samples/sec, %s",
            state.epoch,
            step.batch,
            self._interval.speed()["samples_per_s"],
            losses_text(state.meter.means()),
        )
        self._measured("interval", state.position, step.rate, self._interval)
        self._interval = Meter()

    def end_epoch(self, epoch: int, meter: Meter) -> None:
        """Log the losses of a whole epoch."""
        losses = losses_text(meter.means())
        _logger.info("[Epoch %d] Training cost: %.3f, %s", epoch, meter.speed()["seconds"], losses)
        after = (epoch + 1, 0)
        rate = self._clock.rate(self._plan.schedule, max(0, self._clock.step(*after) - 1))
        self._measured("epoch", after, rate, meter, epoch=epoch)

    def _measured(self, name: str, at: Position, rate: float, meter: Meter, **fields: Any) -> None:
        """Write what a meter holds to the journal."""
        step, losses = self._clock.step(*at), meter.means()
        self.event(
            name,
            at,
            **fields,
            step=step,
            lr=rate,
            remaining_s=self._remaining_s(step),
            losses=list(losses),
            **losses,
            **meter.speed(),
            **self._job.learner.precision.facts(),
        )

    def _remaining_s(self, step: int) -> float | None:
        """Seconds to the end of the run at the pace so far, validations included."""
        done = step - self._clock.step(*self._start)
        if done <= 0:
            return None
        pace_s = (time.monotonic() - self._started_s) / done
        return round(pace_s * (self._clock.total_steps - step), 1)

    def validation(self, epoch: int, evaluation: Evaluation, seconds: float) -> None:
        """Log the scores after an epoch, in the legacy form."""
        lines = "\n".join(f"{name}={value}" for name, value in evaluation.lines)
        _logger.info("[Epoch %d] Validation: \n%s", epoch, lines)
        self.event(
            "validation",
            (epoch + 1, 0),
            epoch=epoch,
            score=evaluation.score,
            values={name.strip(): value for name, value in evaluation.lines},
            class_scores=dict(evaluation.class_scores),
            val_losses=dict(evaluation.losses),
            seconds=round(seconds, 3),
        )

    def end(self, state: State, reason: str) -> None:
        """Log why a run ends: "epochs" for all of them, "target" or "patience" for its score."""
        best, target = state.best, self._plan.target_score
        if reason == "target":
            _logger.info(
                "[Epoch %d] mAP %.4f reaches the target %s: the run ends here",
                best.epoch,
                best.score,
                target,
            )
        elif reason == "patience":
            _logger.info(
                "[Epoch %d] mAP %.4f of epoch %s is the best, and %d validations since brought no "
                "better one: the run ends here",
                state.epoch - 1,
                best.score,
                best.epoch,
                best.waited,
            )
        self.event(
            "end", state.position, reason=reason, best_score=best.score, best_epoch=best.epoch
        )

    def publish(self, *, curves: bool) -> None:
        """Write the table of this run anew from its journal, on the process that has one.

        `curves`: draw the curves as well.
        """
        hooks, files = self._job.hooks, self._job.files
        draw = hooks.draw_curves if curves else None
        if self._journal is None or not (draw or hooks.write_results):
            return
        # From the journal, which a run that goes on has put right: no epoch can come twice.
        events = last_run(read_journal(files.journal))
        if hooks.write_results is not None:
            hooks.write_results(events, files.results)
        if draw is not None:
            draw(events, files.curves)
