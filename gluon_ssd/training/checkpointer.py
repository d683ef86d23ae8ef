"""What a run keeps: checkpoints and weights, none of which holds a NaN or an infinity."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.errors import DivergedError
from gluon_ssd.training.batch_statistics import statistics
from gluon_ssd.training.checkpoint import (
    first_non_finite,
    network_arrays,
    plain_json,
    run_arrays,
    save_checkpoint,
)
from gluon_ssd.training.loop import diverged
from gluon_ssd.training.plan import Evaluation, Job
from gluon_ssd.training.resume import State, shown_score
from gluon_ssd.training.run_files import add_best


class Checkpointer:
    """Writes checkpoints and weights, on the leading process; every process must call it."""

    def __init__(self, job: Job) -> None:
        self._job, self._learner, self._files = job, job.learner, job.files
        self._saved_s = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether the time between two checkpoints is over; False on all but the leader."""
        interval_s = self._job.plan.checkpoint_interval_s
        over = interval_s and time.monotonic() - self._saved_s >= interval_s
        return self._job.leads and bool(over)

    def save(self, state: State) -> float:
        """Write a checkpoint of a state; returns the seconds that it took.

        Raises:
            DivergedError: a number is not finite, on any process; nothing is written.
            EnvironmentProblem: the file cannot be written.
        """
        started_s = time.perf_counter()
        learner = self._learner
        self._join_statistics()
        arrays = run_arrays(learner.network, learner.optimizer, learner.average)
        self._check_finite(arrays, state)
        self._saved_s = time.monotonic()
        if self._job.leads:
            facts = {
                **state.facts(),
                "step": self._job.clock.step(*state.position),
                "num_updates": learner.optimizer.num_updates,
                "options": plain_json(self._job.plan.options),
                "network": plain_json(self._job.plan.network),
                "amp": learner.precision.state(),
                "average": None if learner.average is None else learner.average.facts(),
            }
            save_checkpoint(self._files.checkpoint, arrays, facts)
        return time.perf_counter() - started_s

    def check_weights(self, state: State) -> None:
        """Wait for the last update, and make the batch statistics those of the whole team.

        Raises:
            DivergedError: a number is not finite, on any process.
        """
        self._join_statistics()
        averages = {} if self._learner.average is None else self._learner.average.arrays()
        self._check_finite({**network_arrays(self._learner.network), **averages}, state)

    def _join_statistics(self) -> None:
        """Give all processes the means of their batch statistics, and of the averages of these."""
        mx.nd.waitall()  # as `batch_statistics` says
        self._learner.team.average(statistics(self._learner.network))
        if self._learner.average is not None:
            means = self._learner.average.mean_statistics
            self._learner.team.average({f"average.{name}": mean for name, mean in means.items()})

    def _check_finite(self, arrays: Mapping[str, np.ndarray], state: State) -> None:
        broken = first_non_finite(arrays)
        if not self._learner.team.total(np.array([broken is not None]))[0]:
            return
        what = broken or "a weight of another process"
        if state.last_step is None:
            raise DivergedError(f"{what} is not finite in the weights that were loaded")
        what, names = f"{what} is not finite after", self._job.hooks.image_names
        raise diverged(what, state.last_step, state.epoch, names, self._learner.team)

    def keep_unscored(self, epoch: int) -> None:
        """Write the weights of an epoch before its validation, where the plan keeps them.

        `keep_weights` gives the file the name that carries the score.
        """
        if self._job.leads and self._job.plan.saves(epoch):
            self._save_weights(self._files.unscored_weights(epoch)[0])

    def keep_weights(self, epoch: int, evaluation: Evaluation | None, improved: bool) -> None:
        """Write the weights of an epoch where it is the best, and where the plan keeps them."""
        if not self._job.leads:
            return
        shown = 0.0 if evaluation is None else shown_score(evaluation)
        if improved:
            self._save_weights(self._files.best_weights)
            add_best(self._files.best_log, epoch, shown)
        if self._job.plan.saves(epoch):
            self._save_weights(self._files.periodic_weights(epoch, shown))
            for path in self._files.unscored_weights(epoch):
                path.unlink(missing_ok=True)

    def _save_weights(self, path: Path) -> None:
        """Write the weights that validation scores."""
        with self._learner.averaged():
            self._job.hooks.save_weights(str(path))

    def outlook(self) -> str:
        """What is left after a divergence, for its message."""
        broken = first_non_finite(network_arrays(self._learner.network))
        weights = f"{broken} is not finite" if broken else "no weight is NaN or infinite"
        kept = "there is no checkpoint yet"
        if self._files.checkpoint.exists():
            kept = f"the last good checkpoint is {self._files.checkpoint}"
        return f"{weights}; {kept}"
