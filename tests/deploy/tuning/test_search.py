"""The search with a backend of made-up numbers: two operators, no framework."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gluon_ssd.deploy.tuning.backend import TrialFailed
from gluon_ssd.deploy.tuning.history import JOURNAL, History
from gluon_ssd.deploy.tuning.search import search
from gluon_ssd.deploy.tuning.trial import BASELINE, Choice, Measurement
from gluon_ssd.errors import Interrupted, ModelError, OptionError
from tests.deploy.tuning.test_trial import SETTINGS

# What int8 costs in accuracy and gains in time; "heads" loses too much. Calibration with few images
# loses a little more.
LOSS = {"body": 0.004, "heads": 0.05}
GAIN_MS = {"body": 5.0, "heads": 3.0}
FP32_ACCURACY, FP32_MS = 0.6, 10.0


class ToyModel:
    """A model of made-up numbers; its file holds its choice in words."""

    def __init__(self, backend: ToyBackend, choice: Choice | None) -> None:
        self._backend, self._choice = backend, choice
        self._int8 = () if choice is None else choice.names("minmax")

    def measure(self, *, footprint: bool) -> Measurement:
        self._backend.scored.append("fp32" if self._choice is None else str(self._choice))
        if self._choice is not None and self._int8 == self._backend.crashing:
            raise TrialFailed("out of range")
        few = 0.0 if self._choice is None or self._choice.calibration_images > 32 else 0.001
        return Measurement(
            accuracy=self._backend.fp32_accuracy - sum(LOSS[name] + few for name in self._int8),
            latency_ms=FP32_MS - sum(GAIN_MS[name] for name in self._int8),
            fp32_ms=FP32_MS,
            weights_mib=4.0 - len(self._int8),
            footprint_mib=100.0 - 10 * len(self._int8) if footprint else None,
        )

    def keep(self) -> str:
        assert self._choice is not None
        self._backend.result.write_text(self._choice.key)
        return self._choice.key


class ToyBackend:
    """Proposes all combinations in order, twice over where asked to; ends at the first success."""

    name = "toy"
    operators = ("body", "heads")

    def __init__(self, result: Path, settings=SETTINGS, rounds: int = 1) -> None:
        self.result, self._settings, self._rounds = result, settings, rounds
        self.scored: list[str] = []
        self.crashing: tuple[str, ...] | None = None
        self.fp32_accuracy = FP32_ACCURACY

    def propose(self, try_out, check) -> None:
        goal = self._settings.goal(try_out(None).measured.accuracy)
        kinds = itertools.product(("minmax", "fp32"), repeat=2)
        choices = itertools.product(self._settings.sampling_sizes, kinds)
        for size, pair in itertools.chain(*itertools.repeat(list(choices), self._rounds)):
            check()
            measured = try_out(Choice(size, dict(zip(self.operators, pair, strict=True)))).measured
            if measured and measured.accuracy >= goal and not self._settings.go_on:
                return

    def build(self, choice: Choice | None) -> ToyModel:
        return ToyModel(self, choice)

    def kept(self) -> str | None:
        return self.result.read_text() if self.result.exists() else None


def settings(**changes):
    return dataclasses.replace(SETTINGS, **changes)


def run(folder: Path, wanted, *, backend: ToyBackend | None = None, check=lambda: None):
    """Search with a toy in a folder; returns outcome and toy."""
    toy = backend or ToyBackend(folder / "result", wanted)
    history = History(folder, wanted.search_facts())
    found = search(toy, wanted, history=history, check=check, report=lambda trial, best: None)
    return found, toy


def test_fastest_of_those_within_the_loss_is_kept(tmp_path: Path) -> None:
    found, toy = run(tmp_path, settings(go_on=True))
    assert found.reason == "the strategy had nothing more to try" and found.reached
    assert len(found.trials) == 1 + 8 and found.trials[0].key == BASELINE
    best = Choice(32, {"body": "minmax", "heads": "fp32"})
    assert found.best is not None and found.best.key == best.key == toy.kept()
    assert found.best.measured is not None and found.best.measured.speedup == 2.0
    assert found.best.kept == ("heads",)


@pytest.mark.parametrize(
    ("objective", "loss", "expected"),
    [
        ("performance", 0.5, (32, {"body": "minmax", "heads": "minmax"})),
        ("model_size", 0.01, (32, {"body": "minmax", "heads": "fp32"})),
        ("footprint", 0.5, (32, {"body": "minmax", "heads": "minmax"})),
        # Nothing is within the loss but float32 itself, which is a choice here.
        ("performance", 0.001, (32, {"body": "fp32", "heads": "fp32"})),
    ],
)
def test_objective_and_loss_decide(tmp_path: Path, objective, loss, expected) -> None:
    found, toy = run(tmp_path, settings(objective=objective, tolerable_loss=loss, go_on=True))
    assert toy.kept() == Choice(*expected).key
    measured = [trial.measured for trial in found.trials]
    assert all((m.footprint_mib is not None) == (objective == "footprint") for m in measured if m)


def test_most_accurate_is_kept_where_none_is_within_the_loss(tmp_path: Path) -> None:
    found, toy = run(tmp_path, settings(tolerable_loss=0.0, max_trials=2))
    assert not found.reached and found.reason == "max_trials (2) were made"
    assert toy.kept() == Choice(32, {"body": "minmax", "heads": "fp32"}).key


def test_first_success_ends_the_search(tmp_path: Path) -> None:
    found, toy = run(tmp_path, settings())
    assert (found.reason, found.reached) == ("the goal was reached", True)
    assert len(found.trials) == 3 == len(toy.scored)


def test_search_ends_at_max_trials(tmp_path: Path) -> None:
    found, _ = run(tmp_path, settings(go_on=True, max_trials=3))
    assert (len(found.trials), found.reason) == (4, "max_trials (3) were made")


def test_search_ends_at_its_timeout(tmp_path: Path, monkeypatch) -> None:
    wanted = settings(go_on=True, timeout_s=2)
    clock = itertools.count()  # one second passes between two looks at it
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    found, _ = run(tmp_path, wanted)
    assert found.reason == "the timeout of 2 s passed" and len(found.trials) == 1


def test_search_ends_where_only_known_choices_come(tmp_path: Path) -> None:
    wanted = settings(go_on=True, max_trials=100)
    found, toy = run(tmp_path, wanted, backend=ToyBackend(tmp_path / "result", wanted, rounds=9))
    assert found.reason == "the strategy proposed nothing new 50 times in a row"
    assert len(toy.scored) == len(found.trials) == 1 + 8


def test_stopped_search_goes_on_where_it_was(tmp_path: Path) -> None:
    wanted = settings(go_on=True)
    whole, _ = run(tmp_path / "whole", wanted)
    toy = ToyBackend(tmp_path / "broken/result", wanted)

    def stop() -> None:
        if len(toy.scored) == 3:
            raise Interrupted("stopped by SIGINT", 2)

    with pytest.raises(Interrupted):
        run(tmp_path / "broken", wanted, backend=toy, check=stop)
    assert toy.kept() == Choice(32, {"body": "minmax", "heads": "fp32"}).key
    resumed, second = run(tmp_path / "broken", wanted)
    assert len(second.scored) == 9 - 3
    plain = [[dataclasses.replace(t, seconds=0) for t in one.trials] for one in (whole, resumed)]
    assert plain[0] == plain[1] and resumed.best is not None


def test_result_that_is_gone_is_made_again_from_the_history(tmp_path: Path) -> None:
    _, first = run(tmp_path, settings())
    kept = first.result.read_text()
    first.result.unlink()
    found, second = run(tmp_path, settings())
    assert (second.scored, second.kept()) == ([], kept) and found.reached


def test_model_that_cannot_be_run_is_noted_and_the_search_goes_on(tmp_path: Path) -> None:
    toy = ToyBackend(tmp_path / "result", settings())
    toy.crashing = ("body", "heads")
    found, _ = run(tmp_path, settings(), backend=toy)
    assert found.trials[1].problem == "out of range" and found.trials[1].measured is None
    assert found.best is not None and found.best.number == 2


def test_choice_that_ended_the_process_twice_is_not_built(tmp_path: Path) -> None:
    key = Choice(32, {"body": "minmax", "heads": "minmax"}).key
    for _ in range(2):
        History(tmp_path, SETTINGS.search_facts()).start(key)
    found, toy = run(tmp_path, settings())
    assert found.trials[1].problem == "it ended the process twice" and len(toy.scored) == 2


def test_fp32_model_that_finds_nothing_ends_the_search(tmp_path: Path) -> None:
    toy = ToyBackend(tmp_path / "result")
    toy.fp32_accuracy = 0.0
    with pytest.raises(ModelError, match=r"toy in float32 finds nothing .*\(accuracy 0.0\)"):
        run(tmp_path, settings(), backend=toy)
    assert toy.kept() is None


def test_something_must_be_left_to_quantise(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="leave nothing to quantise"):
        run(tmp_path, settings(fp32_nodes=("heads", "body", "other")))


def test_every_trial_is_on_disk_when_it_is_reported(tmp_path: Path) -> None:
    lines = []
    toy = ToyBackend(tmp_path / "result")
    search(
        toy,
        SETTINGS,
        history=History(tmp_path, {}),
        check=lambda: None,
        report=lambda trial, best: lines.append(
            (tmp_path / JOURNAL).read_text().count('"event": "trial"')
        ),
    )
    assert lines == [1, 2, 3]


def test_search_is_imported_without_any_framework() -> None:
    names = ("mxnet", "gluoncv", "neural_compressor", "cv2", "numpy")
    code = f"import sys; sys.modules.update(dict.fromkeys({names})); " + "; ".join(
        f"import gluon_ssd.deploy.tuning.{name}" for name in ("search", "trial", "history")
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
