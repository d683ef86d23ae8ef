"""What is written when, and never with a number that is not finite."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import DivergedError
from gluon_ssd.training.checkpoint import load_checkpoint
from gluon_ssd.training.checkpointer import Checkpointer
from gluon_ssd.training.resume import State
from gluon_ssd.training.run_files import read_best
from tests.training.builders import (
    Score,
    Second,
    arrays_of,
    assert_same_weights,
    make_job,
    make_step,
)


def break_a_weight(job, value=np.nan):
    weight = job.learner.network.boxes.bias
    array = weight.data().asnumpy()
    array[3] = value
    weight.set_data(mx.nd.array(array))


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_holds_weights_and_all_facts(tmp_path):
    job = make_job(tmp_path / "t", options={"lr": 0.1, "splits": ("a", "b")})
    seconds = Checkpointer(job).save(State(epoch=1, batch=2))
    assert 0 < seconds < 60
    checkpoint = load_checkpoint(tmp_path / "t_checkpoint.npz")
    assert_same_weights(checkpoint.group("weights"), arrays_of(job.learner.network))
    expected = {
        "epoch": 1,
        "batch": 2,
        "step": 5,  # epoch 0 has three
        "num_updates": 0,
        "options": {"lr": 0.1, "splits": ["a", "b"]},
        "network": {"name": "tiny", "classes": ["a", "b", "c"]},
        "best_score": None,
        "amp": None,
    }
    assert {key: checkpoint.facts[key] for key in expected} == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_not_written(tmp_path, value):
    job = make_job(tmp_path / "t")
    keeper = Checkpointer(job)
    keeper.save(State())
    before = (tmp_path / "t_checkpoint.npz").read_bytes()
    break_a_weight(job, value)
    state = State(epoch=2, last_step=make_step(1))
    expected = (
        r"^weights/boxes.bias is not finite after \[Epoch 2\]\[Batch 1\], learning rate 0.05, "
        r"CrossEntropy=2.000, SmoothL1=1.000; images: 000000.jpg, 000001.jpg, 000002.jpg, "
    )
    for check in (keeper.save, keeper.check_weights):
        with pytest.raises(DivergedError, match=expected):
            check(state)
    assert (tmp_path / "t_checkpoint.npz").read_bytes() == before


def test_weights_that_were_loaded_broken_are_told_as_such(tmp_path):
    job = make_job(tmp_path / "t")
    break_a_weight(job)
    expected = "^weights/boxes.bias is not finite in the weights that were loaded$"
    with pytest.raises(DivergedError, match=expected):
        Checkpointer(job).save(State())
    assert files_of(tmp_path) == []


class OtherIsBroken(Second):
    """The other process has a broken weight."""

    def total(self, values):
        return np.asarray(values, np.float64) + 1


def test_a_broken_weight_of_another_process_stops_this_one(tmp_path):
    job = make_job(tmp_path / "t", team=OtherIsBroken())
    with pytest.raises(DivergedError, match="^a weight of another process is not finite after"):
        Checkpointer(job).check_weights(State(last_step=make_step()))


def test_only_the_leader_writes(tmp_path):
    keeper = Checkpointer(make_job(tmp_path / "t", team=Second(), checkpoint_interval_s=1e-9))
    keeper.save(State())
    keeper.keep_weights(0, Score([("mAP", "0.5")], 0.5), improved=True)
    assert files_of(tmp_path) == []
    assert not keeper.is_due


def test_a_checkpoint_is_due_when_its_time_is_over(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    keeper = Checkpointer(make_job(tmp_path / "t", checkpoint_interval_s=60))
    told = []
    for seconds in (0, 59, 1, 30):
        now[0] += seconds
        told.append(keeper.is_due)
    keeper.save(State())
    told.append(keeper.is_due)
    now[0] += 60
    assert [*told, keeper.is_due] == [False, False, True, True, False, True]
    never = Checkpointer(make_job(tmp_path / "t", checkpoint_interval_s=0))
    now[0] += 1e9
    assert not never.is_due


@pytest.mark.parametrize(
    ("epoch", "evaluation", "improved", "expected"),
    [
        (0, Score([("mAP", "0.51236")], 0.51236), True, ["t_0000_0.5124.params", *"bl"]),
        (1, Score([("AP", "25.1")], 0.2512), True, [*"bl"]),
        (2, Score([("AP", "25.1")], 0.2512), False, ["t_0002_25.1000.params"]),
        (2, None, False, ["t_0002_0.0000.params"]),
        (1, None, False, []),
    ],
)
def test_weights_of_an_epoch_are_kept_where_due(tmp_path, epoch, evaluation, improved, expected):
    Checkpointer(make_job(tmp_path / "t")).keep_weights(epoch, evaluation, improved)
    short = {"t_best.params": "b", "t_best_map.log": "l"}
    assert [short.get(name, name) for name in files_of(tmp_path)] == expected
    shown = [(epoch, round(float(evaluation.lines[-1][1]), 4))] if improved else []
    assert read_best(tmp_path / "t_best_map.log") == shown


def test_outlook_says_what_is_broken_and_what_is_left(tmp_path):
    job = make_job(tmp_path / "t")
    keeper = Checkpointer(job)
    assert keeper.outlook() == "no weight is NaN or infinite; there is no checkpoint yet"
    keeper.save(State())
    break_a_weight(job)
    path = tmp_path / "t_checkpoint.npz"
    expected = f"weights/boxes.bias is not finite; the last good checkpoint is {path}"
    assert keeper.outlook() == expected


def test_weights_that_were_kept_before_the_validation_get_its_score(tmp_path):
    def save(path):
        for name in (path, path.replace(".params", ".json")):
            Path(name).write_text("weights and their record")

    keeper = Checkpointer(make_job(tmp_path / "t", save_interval=2, hooks={"save_weights": save}))
    keeper.keep_unscored(1)
    assert files_of(tmp_path) == []
    keeper.keep_unscored(2)
    assert files_of(tmp_path) == ["t_0002.json", "t_0002.params"]
    keeper.keep_weights(2, Score([("AP", "25.1")], 0.2512), improved=False)
    assert files_of(tmp_path) == ["t_0002_25.1000.json", "t_0002_25.1000.params"]
    second = Checkpointer(make_job(tmp_path / "t", save_interval=2, team=Second()))
    second.keep_unscored(2)
    assert len(files_of(tmp_path)) == 2
