"""Options -> JSON summary and MLPerf's log."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from gluon_ssd.commands.wiring.watchers import Watchers, open_watchers
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.options.declare import parse
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.report.json_summary import JsonSummary
from gluon_ssd.training.team.team import Team
from tests.training.builders import Second, make_network


def command(*argv):
    return parse(TrainCommand, list(map(str, argv)), prog="x", description="")


def test_none_is_opened_unless_asked_for():
    with open_watchers(command(), Team()) as watchers:
        assert watchers == Watchers() and watchers.hooks() == ()
        watchers.describe(command(), None, None, 1, 1)
        watchers.note_end(True)


def test_the_summary_is_of_the_leading_process(tmp_path):
    path = tmp_path / "a.json"
    asked = command("--json-summary", path)
    with open_watchers(asked, Second()) as watchers:
        assert watchers.hooks() == ()
    assert not path.exists()
    with open_watchers(asked, Team()) as watchers:
        (summary,) = watchers.hooks()
        assert isinstance(summary, JsonSummary) and path.exists()


def test_a_missing_package_is_told_before_anything_is_done(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlperf_logging.mllog", None)
    with pytest.raises(EnvironmentProblem, match="--extras mllog"):
        with open_watchers(command("--mllog", tmp_path / "log"), Team()):
            pass


class Told:
    """Takes what MLPerf's log is told."""

    def describe(self, facts):
        self.facts = facts

    def note_end(self, reached):
        self.reached = reached


@pytest.mark.parametrize(
    ("argv", "warmup"),
    [((), 0), (("--warmup-iters", 5), 0.25), (("--warmup-iters", 5, "--warmup-epochs", 2), 2)],
)
def test_mlperfs_log_is_told_the_numbers_of_the_run(argv, warmup):
    asked = command(
        "--batch-size", 12, "--accumulate", 2, "--lr", 0.32, "--scale-lr", "linear32", *argv
    )
    watchers = Watchers(mlperf=Told())
    data = SimpleNamespace(train=range(100), val=range(30))
    network = make_network()
    watchers.describe(asked, data, network, 4, 20)  # two processes of two batches each
    facts = watchers.mlperf.facts
    assert (facts.local_batch_size, facts.global_batch_size, facts.accumulate) == (6, 24, 2)
    assert (facts.rate, facts.weight_decay) == (pytest.approx(0.24), 0.0005)
    assert (facts.optimizer, facts.epochs, facts.seed) == ("sgd", 240, 233)
    assert (facts.train_samples, facts.eval_samples) == (100, 30)
    assert facts.warmup_epochs == warmup
    assert "classes.weight" in facts.tensors
    watchers.note_end(False)
    assert watchers.mlperf.reached is False
