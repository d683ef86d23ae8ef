"""What is checked before a training run, who speaks in it, and what it says at its end."""

from __future__ import annotations

import logging

import pytest

from gluon_ssd.commands.train import (
    messages_of_leader,
    start_team,
    summary,
    training_contexts,
    with_batch_of_all,
)
from gluon_ssd.compat import mx
from gluon_ssd.errors import DataError, DivergedError, Interrupted, OptionError
from gluon_ssd.options.declare import parse
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.training.fit import Outcome
from gluon_ssd.training.run_files import RunFiles
from gluon_ssd.training.team.team import Team
from tests.training.builders import Second

TINY = ("--network", "tiny", "--data-shape", "160", "--dataset", "custom", "--gpus", "")


def command(*argv):
    argv = [*TINY, *map(str, argv)]
    return parse(TrainCommand, argv, prog="train_ssd.py", description="")


def test_without_horovod_the_team_is_this_process():
    assert type(start_team(command())) is Team


class Four(Second):
    size = 4


@pytest.mark.parametrize(
    ("argv", "contexts", "team", "batch", "rate"),
    [
        ((), 1, Team(), 32, 1.0),
        (("--batch-size-per-device", 8), 1, Team(), 8, 0.25),
        (("--batch-size-per-device", 32), 3, Team(), 96, 3.0),
        (("--batch-size-per-device", 16, "--accumulate", 2), 2, Team(), 32, 2.0),
        (("--batch-size-per-device", 16, "--horovod"), 1, Four(), 64, 2.0),
    ],
)
def test_the_batch_of_each_device_makes_that_of_all_and_the_rate(argv, contexts, team, batch, rate):
    given = command("--lr", 1, "--scale-lr", "linear32", *argv)
    found = with_batch_of_all(given, [mx.cpu(n) for n in range(contexts)], team)
    assert (found.optimizer.batch_size, found.optimizer.base_rate) == (batch, rate)
    assert found.train is given.train


def test_batch_norm_over_devices_needs_several(monkeypatch):
    assert training_contexts(command(), Team()) == [mx.cpu()]
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 2)
    two = command("--gpus", "0,1", "--syncbn")
    assert training_contexts(two, Team()) == [mx.gpu(0), mx.gpu(1)]
    with pytest.raises(OptionError, match="^--syncbn needs several devices"):
        training_contexts(command("--gpus", "1", "--syncbn"), Team())


@pytest.mark.parametrize(
    ("error", "code"),
    [(DivergedError("d"), 3), (Interrupted("i", 15), 143)],
    ids=["diverged", "interrupted"],
)
def test_what_ends_all_is_told_by_the_leader_alone(error, code):
    with pytest.raises(type(error)), messages_of_leader(Team()):
        raise error
    with pytest.raises(SystemExit) as caught, messages_of_leader(Second()):
        raise error
    assert caught.value.code == code


def test_an_error_of_its_own_is_told_by_any_process():
    with pytest.raises(DataError), messages_of_leader(Second()):
        raise DataError("a file of this process")


@pytest.mark.parametrize(("team", "shown"), [(Team(), 2), (Second(), 1)])
def test_the_others_show_errors_alone(team, shown, capsys):
    with messages_of_leader(team):
        logging.getLogger("gluon_ssd.somewhere").info("a step")
        logging.getLogger("gluon_ssd.somewhere").error("a problem")
    assert len(capsys.readouterr().err.splitlines()) == shown


def test_the_end_names_files_and_the_best_epoch(tmp_path):
    files = RunFiles(tmp_path / "t")
    where = [f"log {files.log}", f"checkpoint {files.checkpoint}"]
    assert summary(Outcome(None, None, files)).splitlines() == where
    best = "best mAP 0.1235 in epoch 3"
    assert summary(Outcome(0.12345, 3, files)).splitlines() == [*where, best]
    files.best_weights.write_bytes(b"")
    weights = f"best weights {files.best_weights}"
    assert summary(Outcome(0.12345, 3, files)).splitlines() == [*where, weights, best]
