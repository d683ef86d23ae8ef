"""Search for the int8 form of a detector that keeps its accuracy and is the fastest.

The strategies are those of Intel Neural Compressor. What a trial is scored on is the very pair of
files that is kept when it is the best: written, read back, and run on every image.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.export import write_pair
from gluon_ssd.deploy.mxnet.files import exported_files, last_line
from gluon_ssd.deploy.mxnet.graph import Graph, Params, parse_graph
from gluon_ssd.deploy.mxnet.int8.quantize import Prepared, join_halves
from gluon_ssd.deploy.mxnet.model import DeployedModel, load_deployed
from gluon_ssd.deploy.tuning.calibration_loader import CalibrationLoader
from gluon_ssd.deploy.tuning.footprint import measure_footprint
from gluon_ssd.deploy.tuning.graph_edits import in_bfloat16, on_one_grid, to_params, weight_bytes
from gluon_ssd.deploy.tuning.history import History
from gluon_ssd.deploy.tuning.neural_compressor import Quantiser, library_log, run_strategy
from gluon_ssd.deploy.tuning.trial import (
    BASELINE,
    Choice,
    Measurement,
    SearchSettings,
    Trial,
    best_trial,
)
from gluon_ssd.errors import ModelError
from gluon_ssd.system.files import ensure_directory, sha1_of, write_problem

LOG = "library.log"
_WORTHLESS = 1e9
"""Cost of a model that could not be run."""
_MOST_REPETITIONS = 50
"""Bayesian search goes on for ever where everything was tried."""

Score = Callable[[DeployedModel], float]
"""The accuracy of a model, a fraction."""
Clock = Callable[[DeployedModel], tuple[float, float]]
"""(milliseconds of one image, those of the fp32 model in turns with it), both medians."""


@dataclass(frozen=True)
class Judge:
    """How models are measured.

    Attributes:
        score: accuracy.
        clock: speed.
        check: called often; raises to end the search.
        report: told every new trial, and which one is the best so far.
    """

    score: Score
    clock: Clock
    check: Callable[[], None]
    report: Callable[[Trial, Trial | None], None]


@dataclass(frozen=True)
class Outcome:
    """How a search ended.

    Attributes:
        trials: all that are known, by number; the first is the fp32 model.
        best: the one that was written, or None when there was none.
        reached: whether the best one loses no more accuracy than allowed.
        reason: why the search ended.
    """

    trials: tuple[Trial, ...]
    best: Trial | None
    reached: bool
    reason: str


class _Ended(Exception):
    """The search ends here; the message says why."""


def tune_detector(
    prepared: Prepared,
    prefix_out: str,
    images: np.ndarray,
    settings: SearchSettings,
    judge: Judge,
    *,
    history: History,
) -> Outcome:
    """Search, and write the best model so far whenever a better one is found.

    Args:
        prepared: the fp32 detector.
        prefix_out: the two files to write.
        images: float32 (N, 3, H, W), normalised, for calibration; as many as the largest of
            `settings.sampling_sizes`.
        settings: what to search, for what, and how long.
        judge: how models are measured.
        history: what is known from earlier runs; grows.

    Raises:
        What `judge.check` raises to stop the search; the best model so far is written by then.
        EnvironmentProblem: the extra is missing, or a file cannot be written.
        ModelError: the search cannot go on.
    """
    target = Path(prefix_out)
    ensure_directory(target.parent)
    workspace = history.path.parent
    started = time.monotonic()
    reason = "stopped"
    try:
        with (
            library_log(workspace / LOG),
            tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder,
        ):
            search = _Search(prepared, prefix_out, folder, settings, judge, history=history)
            try:
                reason = search.run(images, workspace, started)
            finally:
                search.keep_best()
    except OSError as error:
        raise write_problem(target, error) from error
    finally:
        history.end(reason, time.monotonic() - started)
    trials = tuple(sorted(history.trials.values(), key=lambda trial: trial.number))
    best = best_trial(trials, settings)
    return Outcome(trials, best, search.is_reached(best), reason)


class _Search:
    """One run of a strategy."""

    def __init__(
        self,
        prepared: Prepared,
        prefix_out: str,
        folder: str,
        settings: SearchSettings,
        judge: Judge,
        *,
        history: History,
    ) -> None:
        self._prepared = prepared
        self._prefix_out = prefix_out
        self._candidate = str(Path(folder) / "candidate")
        self._settings = settings
        self._judge = judge
        self._history = history
        self._quantiser = Quantiser(settings, self._propose)
        self._proposals: set[str] = set()
        self._repetitions = 0
        self._deadline = float("inf")
        self._cost = 0.0
        self._began = time.monotonic()

    def run(self, images: np.ndarray, workspace: Path, started: float) -> str:
        """Search to the end. Returns why it ended."""
        if self._settings.timeout_s:
            self._deadline = started + self._settings.timeout_s
        loader = CalibrationLoader(images, self._settings.batch_size, self._check)
        try:
            run_strategy(
                self._prepared.network,
                self._prepared.params,
                loader,
                self._quantiser,
                self._settings,
                evaluate=self._evaluate,
                cost=lambda: self._cost,
                workspace=workspace,
            )
        except _Ended as end:
            return str(end)
        except mx.MXNetError as error:
            raise ModelError(
                f"the search cannot go on: {last_line(error)}; see {workspace / LOG}"
            ) from error
        if self.is_reached(self._best()) and not self._settings.go_on:
            return "the goal was reached"
        return "the strategy had nothing more to try"

    def is_reached(self, trial: Trial | None) -> bool:
        """Whether a trial loses no more accuracy than allowed."""
        baseline = self._history.trials[BASELINE].measured
        if trial is None or trial.measured is None or baseline is None:
            return False
        return trial.measured.accuracy >= self._settings.goal(baseline.accuracy)

    def keep_best(self) -> None:
        """See that the files of the best trial are there, also when it is of an earlier run."""
        best = self._best()
        if best is None or self._is_saved(best.key):
            return
        made = self._quantiser.network(best.key)
        if made is not None:
            self._write(*made, self._quantiser.choices[best.key])
            self._keep(best.key)

    def _is_saved(self, key: str) -> bool:
        symbol_file, params_file = exported_files(self._prefix_out)
        return (
            self._history.saved is not None
            and symbol_file.is_file()
            and params_file.is_file()
            and self._history.saved == (key, sha1_of(symbol_file))
        )

    def _best(self) -> Trial | None:
        baseline = self._history.trials.get(BASELINE)
        if baseline is None or baseline.measured is None:
            return None
        return best_trial(list(self._history.trials.values()), self._settings)

    def _propose(self, choice: Choice) -> bool:
        """Count a choice of the strategy. Returns whether it needs no model."""
        self._check()
        key = choice.key
        self._repetitions = self._repetitions + 1 if key in self._proposals else 0
        if self._repetitions >= _MOST_REPETITIONS:
            raise _Ended(f"the strategy proposed nothing new {_MOST_REPETITIONS} times in a row")
        if len(self._proposals) >= self._settings.max_trials:
            raise _Ended(f"max_trials ({self._settings.max_trials}) were made")
        self._proposals.add(key)
        self._began = time.monotonic()
        return key in self._history.trials or self._history.is_deadly(key)

    def _check(self) -> None:
        self._judge.check()
        if time.monotonic() > self._deadline:
            raise _Ended(f"the timeout of {self._settings.timeout_s} s passed")

    def _evaluate(self, model: Any) -> float:
        """The library's eval_func: accuracy of the fp32 model first, then of each choice."""
        choice = self._quantiser.choice
        key = BASELINE if choice is None else choice.key
        self._check()
        trial = self._history.trials.get(key)
        if trial is None:
            trial = self._try(key, choice, model)
        if key == BASELINE and not (trial.measured and trial.measured.accuracy > 0):
            raise ModelError(
                f"{self._prepared.prefix} in float32 finds nothing on these images (accuracy "
                f"{trial.measured.accuracy if trial.measured else 'unknown'}), so that there is "
                "nothing to keep; check the model, the data set and --data-shape"
            )
        if trial.measured is None:
            self._cost = _WORTHLESS
            return 0.0
        self._cost = trial.measured.cost(self._settings.objective)
        return trial.measured.accuracy

    def _try(self, key: str, choice: Choice | None, model: Any) -> Trial:
        """Measure what was not measured before; the answer is on disk before it is used."""
        number = self._history.next_number
        measured, problem = None, self._quantiser.problem
        if self._history.is_deadly(key):
            problem = "it ended the process twice"
        elif not problem:
            self._history.start(key)
            try:
                measured = self._measure(choice, model)
            except mx.MXNetError as error:
                problem = last_line(error)
        trial = Trial(
            number=number,
            key=key,
            choice="float32" if choice is None else str(choice),
            kept=() if choice is None else choice.names("fp32") + choice.names("bf16"),
            measured=measured,
            seconds=round(time.monotonic() - self._began, 2),
            problem=problem,
        )
        self._history.add(trial)
        best = self._best()
        if best is not None and best.key == key:
            self._keep(key)
        self._judge.report(trial, best)
        return trial

    def _measure(self, choice: Choice | None, model: Any) -> Measurement:
        if choice is None:
            prefix = self._prepared.prefix
            graph, params = self._prepared.network, self._prepared.params
        else:
            symbol, arrays, _ = model
            network = parse_graph(symbol.tojson())
            graph, params = self._write(network, to_params(arrays), choice)
            prefix = self._candidate
        size_hw = self._prepared.input_size_hw
        deployed = load_deployed(prefix, input_size_hw=size_hw)
        accuracy = self._judge.score(deployed)
        latency_ms, fp32_ms = self._judge.clock(deployed)
        if choice is None:
            latency_ms = fp32_ms
        wants_footprint = self._settings.objective == "footprint"
        return Measurement(
            accuracy=accuracy,
            latency_ms=latency_ms,
            fp32_ms=fp32_ms,
            weights_mib=weight_bytes(graph, params) / 2**20,
            footprint_mib=measure_footprint(prefix, size_hw) if wants_footprint else None,
        )

    def _write(self, network: Graph, params: Params, choice: Choice) -> tuple[Graph, Params]:
        """Write the candidate: a quantised network with the decoding behind it."""
        if not self._settings.per_channel:
            params = on_one_grid(network, params)
        network = in_bfloat16(network, choice.names("bf16"))
        whole = replace(self._prepared, params={**self._prepared.params, **params})
        graph, used = join_halves(network, whole)
        write_pair(graph, used, self._candidate, self._prepared.saved)
        return network, params

    def _keep(self, key: str) -> None:
        """Give the candidate the name of the result."""
        pairs = zip(exported_files(self._candidate), exported_files(self._prefix_out), strict=True)
        for source, end in pairs:
            os.replace(source, end)
        self._history.note_saved(key, sha1_of(exported_files(self._prefix_out)[0]))
