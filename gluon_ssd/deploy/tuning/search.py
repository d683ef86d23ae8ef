"""Search for the int8 form of a detector that keeps its accuracy and is the fastest.

The search counts trials and time, keeps the history and decides which model is the best. A
`Backend` proposes choices, builds models and measures them; no framework is imported here. What
is kept as the best model is the very model that was measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gluon_ssd.deploy.tuning.backend import Backend, Check, TrialFailed
from gluon_ssd.deploy.tuning.history import History
from gluon_ssd.deploy.tuning.trial import (
    BASELINE,
    Choice,
    SearchSettings,
    Trial,
    best_trial,
)
from gluon_ssd.errors import ModelError, OptionError

_MOST_REPETITIONS = 50
"""Bayesian search goes on for ever where everything was tried."""

Report = Callable[[Trial, Trial | None], None]
"""Called with every new trial and the best one so far."""


@dataclass(frozen=True)
class Outcome:
    """How a search ended."""

    trials: tuple[Trial, ...]  # all that are known, by number; the first is the fp32 model
    best: Trial | None  # the one that was written, or None when there was none
    reached: bool  # whether the best one loses no more accuracy than allowed
    reason: str  # why the search ended


class _Ended(Exception):
    """The search ends here; the message says why."""


def search(
    backend: Backend, settings: SearchSettings, *, history: History, check: Check, report: Report
) -> Outcome:
    """Search, and keep the best model so far whenever a better one is found.

    Args:
        backend: builds and measures models.
        settings: what to search for, and how long.
        history: what is known from earlier runs; it grows.
        check: called often; raises to stop the search. The best model so far is kept then.
        report: called with every new trial.

    Raises:
        OptionError: the settings leave nothing to quantise.
        ModelError: the fp32 model finds nothing, or the search cannot go on.
        EnvironmentProblem: a file cannot be written.
    """
    if set(backend.operators) <= set(settings.fp32_nodes):
        raise OptionError(
            "the operators that stay in float32 leave nothing to quantise; name fewer"
        )
    run = _Run(backend, settings, history, check, report)
    started, reason = time.monotonic(), "stopped"
    try:
        try:
            reason = run.to_its_end()
        finally:
            run.keep_best()
    finally:
        history.end(reason, time.monotonic() - started)
    return Outcome(history.in_order(), run.best(), run.has_reached_goal(), reason)


@dataclass
class _Run:
    """One run of a search."""

    backend: Backend
    settings: SearchSettings
    history: History
    stop_if_asked: Check
    report: Report
    proposed: dict[str, Choice] = field(default_factory=dict)
    repetitions: int = 0

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + (self.settings.timeout_s or float("inf"))

    def to_its_end(self) -> str:
        """Try out what the backend proposes. Returns why it ended."""
        try:
            self.backend.propose(self._try_out, self._check)
        except _Ended as end:
            return str(end)
        if self.has_reached_goal() and not self.settings.go_on:
            return "the goal was reached"
        return "the strategy had nothing more to try"

    def best(self) -> Trial | None:
        """The trial to keep."""
        return best_trial(self.history.in_order(), self.settings)

    def has_reached_goal(self) -> bool:
        """Whether the best trial loses no more accuracy than allowed."""
        best, baseline = self.best(), self.history.trials.get(BASELINE)
        if not (best and best.measured and baseline and baseline.measured):
            return False
        return best.measured.accuracy >= self.settings.goal(baseline.measured.accuracy)

    def keep_best(self) -> None:
        """See that the files of the best trial are there, also when it is of an earlier run."""
        best = self.best()
        if best is None or self.history.saved == (best.key, self.backend.kept()):
            return
        if best.key in self.proposed:
            self.deadline = float("inf")
            model = self.backend.build(self.proposed[best.key])
            self.history.note_saved(best.key, model.keep())

    def _check(self) -> None:
        self.stop_if_asked()
        if time.monotonic() > self.deadline:
            raise _Ended(f"the timeout of {self.settings.timeout_s} s passed")

    def _count(self, choice: Choice) -> None:
        """Count a choice of the strategy; ends the search at its limits."""
        self.repetitions = self.repetitions + 1 if choice.key in self.proposed else 0
        if self.repetitions >= _MOST_REPETITIONS:
            raise _Ended(f"the strategy proposed nothing new {_MOST_REPETITIONS} times in a row")
        if len(self.proposed) >= self.settings.max_trials:
            raise _Ended(f"max_trials ({self.settings.max_trials}) were made")
        self.proposed[choice.key] = choice

    def _try_out(self, choice: Choice | None) -> Trial:
        self._check()
        key = BASELINE
        if choice is not None:
            self._count(choice)
            key = choice.key
        trial = self.history.trials.get(key) or self._new_trial(key, choice)
        if choice is None and not (trial.measured and trial.measured.accuracy > 0):
            raise ModelError(
                f"{self.backend.name} in float32 finds nothing on these images (accuracy "
                f"{trial.measured.accuracy if trial.measured else 'unknown'}), so that there is "
                "nothing to keep; check the model, the data set and the input size",
                settings=("data_shape",),
            )
        return trial

    def _new_trial(self, key: str, choice: Choice | None) -> Trial:
        """Measure what was not measured before; the answer is on disk before it is used."""
        began = time.monotonic()
        model, measured, problem = None, None, ""
        if self.history.ends_process(key):
            problem = "it ended the process twice"
        else:
            self.history.start(key)
            try:
                model = self.backend.build(choice)
                measured = model.measure(footprint=self.settings.objective == "footprint")
            except TrialFailed as error:
                problem = str(error)
        trial = Trial(
            number=self.history.next_number,
            key=key,
            choice="float32" if choice is None else str(choice),
            kept=() if choice is None else choice.names("fp32") + choice.names("bf16"),
            measured=measured,
            seconds=round(time.monotonic() - began, 2),
            problem=problem,
        )
        self.history.add(trial)
        best = self.best()
        if model is not None and best is not None and best.key == key:
            self.history.note_saved(key, model.keep())
        self.report(trial, best)
        return trial
