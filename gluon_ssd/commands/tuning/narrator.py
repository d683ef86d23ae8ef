"""The lines that a search prints: one a trial, and at the end a table; draws a picture too."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import timedelta

from gluon_ssd.deploy.tuning.history import History
from gluon_ssd.deploy.tuning.trial import BASELINE, Measurement, SearchSettings, Trial, best_trial
from gluon_ssd.errors import one_line
from gluon_ssd.report.tuning_report import TuningRow, tuning_table, write_tuning_report
from gluon_ssd.report.verdict import verdict

_log = logging.getLogger(__name__)


class Narrator:
    """Logs each trial as it ends."""

    def __init__(self, settings: SearchSettings) -> None:
        self._settings = settings
        self._started = time.monotonic()
        self._seconds: list[float] = []

    def __call__(self, trial: Trial, best: Trial | None) -> None:
        """Log what a trial found; `best` is the best one so far."""
        measured = trial.measured
        if trial.key == BASELINE and measured is not None:
            _log.info(
                "fp32: mAP %.4f, %.2f ms, %.1f s",
                measured.accuracy,
                measured.latency_ms,
                trial.seconds,
            )
            return
        self._seconds.append(trial.seconds)
        if measured is None:
            found = f"could not be run: {trial.problem}"
        else:
            found = (
                f"mAP {measured.accuracy:.4f}, {measured.latency_ms:.2f} ms, "
                f"{measured.speedup:.2f} times as fast as fp32"
            )
        mark = "; the best so far" if best is not None and best.key == trial.key else ""
        _log.info(
            "trial %d: %s; %s%s; %.1f s, %s",
            trial.number,
            trial.choice,
            found,
            mark,
            trial.seconds,
            self._remaining(trial.number),
        )

    def _remaining(self, number: int) -> str:
        """An upper limit of the time left: a strategy does not say how many models it will try."""
        left = max(0, self._settings.max_trials - number)
        seconds = left * sum(self._seconds) / len(self._seconds)
        if self._settings.timeout_s:
            passed = time.monotonic() - self._started
            seconds = min(seconds, max(0.0, self._settings.timeout_s - passed))
        return f"at most {timedelta(seconds=round(seconds))} left"


def report_lines(
    history: History,
    settings: SearchSettings,
    target: str,
    *,
    reason: str,
    seconds: float,
    num_images: int,
) -> Iterator[str]:
    """The table, and what was kept; writes tuning.md and tuning.png into the workspace.

    `target` is the prefix of the result, `reason` why the search ended, `seconds` how long it took
    this time, and `num_images` what the scores are of. The last line says whether the model that
    was kept is good or bad by the tolerance of the configuration.
    """
    trials = history.in_order()
    baseline = history.trials.get(BASELINE)
    if baseline is None or baseline.measured is None:
        yield "nothing was measured yet"
        return
    goal = settings.goal(baseline.measured.accuracy)
    best = best_trial(trials, settings)
    chosen = best.number if best is not None else None
    rows = [_row(trial, trial.measured) for trial in trials if trial.measured is not None]
    written = write_tuning_report(history.path.parent, rows, goal, chosen)
    yield tuning_table(rows, goal, chosen).rstrip("\n")
    yield f"{len(trials) - 1} trials, {seconds:.0f} s this time; the search ended: {reason}"
    if best is not None and best.measured is not None:
        word = "reached" if best.measured.accuracy >= goal else "MISSED"
        yield one_line(
            f"kept trial {best.number} as {target}: mAP {best.measured.accuracy:.4f} (fp32 "
            f"{baseline.measured.accuracy:.4f}, goal {goal:.4f} {word}), "
            f"{best.measured.latency_ms:.2f} ms, {best.measured.speedup:.2f} times as fast as fp32"
        )
        if best.kept:
            yield f"in float: {', '.join(best.kept)}"
    yield one_line(f"wrote {written[0]} and {written[1]}")
    if best is not None and best.measured is not None:
        before = baseline.measured.accuracy
        yield verdict(before, best.measured.accuracy, before - goal, num_images)


def _row(trial: Trial, found: Measurement) -> TuningRow:
    return TuningRow(
        trial.number,
        trial.choice,
        found.accuracy,
        found.latency_ms,
        found.speedup,
        found.weights_mib,
        found.footprint_mib,
        trial.seconds,
    )
