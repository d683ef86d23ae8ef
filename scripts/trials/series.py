"""Several trainings, a few at once, and the table of their scores."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.errors import DataError
from gluon_ssd.report.tables import markdown_table
from gluon_ssd.system.progress import progress_bar
from scripts.reliability import children
from scripts.trials.changes import NONE, WEIGHTS

_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(children.ROOT)}

Job = tuple[str, int]
"""A change and a seed."""
Scores = dict[Job, dict[str, float]]
"""Job -> mAP after the last epoch, of the weights and of averages of them."""


class Series:
    """Trainings of one kind that differ in change and seed.

    Args:
        folder: of their files.
        options: of train_ssd.py, for all of them.
        epochs: of each training.
    """

    def __init__(self, folder: Path, options: Sequence[str], epochs: int) -> None:
        self._folder, self._options, self._epochs = folder, options, epochs

    def run(self, jobs: Sequence[Job], beside: int) -> Scores:
        """Train what is not trained yet, `beside` at once.

        Raises DataError with the last line of a training that failed; the others are ended.
        """
        waiting = [job for job in jobs if not self._is_done(job)]
        running: dict[Job, subprocess.Popen[bytes]] = {}
        done = len(jobs) - len(waiting)
        with progress_bar(
            total=len(jobs), unit="trainings", description="trials", initial=done
        ) as bar:
            try:
                while waiting or running:
                    while waiting and len(running) < beside:
                        job = waiting.pop(0)
                        running[job] = self._start(job)
                    time.sleep(0.2)
                    for job in [job for job, child in running.items() if child.poll() is not None]:
                        self._check_end(job, running.pop(job).returncode)
                        bar.update(1)
            finally:
                for child in running.values():
                    child.kill()
                    child.wait()
        return {job: self._last(job) for job in jobs}

    def _place(self, job: Job) -> Path:
        change, seed = job
        return self._folder / f"{change}-{seed}-{self._epochs}"

    def _rows(self, job: Job) -> list[dict[str, Any]]:
        path = self._place(job) / "scores.json"
        return list(json.loads(path.read_text("utf-8"))) if path.exists() else []

    def _is_done(self, job: Job) -> bool:
        rows = self._rows(job)
        return bool(rows) and rows[-1]["epoch"] == self._epochs - 1

    def _last(self, job: Job) -> dict[str, float]:
        return {name: value for name, value in self._rows(job)[-1].items() if name != "epoch"}

    def _start(self, job: Job) -> subprocess.Popen[bytes]:
        change, seed = job
        place = self._place(job)
        place.mkdir(parents=True, exist_ok=True)
        options = [*self._options, "--seed", str(seed), "--epochs", str(self._epochs)]
        options += ["--save-prefix", f"{place}/"]
        command = [sys.executable, "-m", "scripts.trials.one_run", change, f"{place}/scores.json"]
        return children.start([*command, *options], self._said(job), _ENVIRONMENT)

    def _said(self, job: Job) -> Path:
        return self._place(job).with_suffix(".txt")

    def _check_end(self, job: Job, code: int) -> None:
        if code or not self._is_done(job):
            words = children.last_words(self._said(job))
            raise DataError(
                f"the training {job[0]}, seed {job[1]}, ended with code {code}: {words}"
            )


def table(scores: Scores) -> str:
    """A row for each change and kind of weights, over all seeds.

    "gain" is the mean over seeds of the difference to the weights of the training without a change.
    """
    rows = []
    for change in dict.fromkeys(change for change, _ in scores):
        seeds = [seed for name, seed in scores if name == change]
        for kind in scores[change, seeds[0]]:
            values = np.array([scores[change, seed][kind] for seed in seeds])
            row: dict[str, Any] = {"change": change, "scored": kind}
            row |= {f"seed {seed}": f"{v:.4f}" for seed, v in zip(seeds, values, strict=True)}
            row["mean"] = f"{values.mean():.4f}"
            if all((NONE, seed) in scores for seed in seeds) and (change, kind) != (NONE, WEIGHTS):
                plain = np.array([scores[NONE, seed][WEIGHTS] for seed in seeds])
                row["gain"] = f"{(values - plain).mean():+.4f}"
                row["seeds won"] = f"{np.sum(values > plain)} of {len(seeds)}"
            rows.append(row)
    return markdown_table(rows)
