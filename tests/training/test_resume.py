"""Where a run stands: the best score, the state as JSON, and the start from each kind of file."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.commands.wiring.limited import LimitedBatches
from gluon_ssd.errors import OptionError, WeightsError
from gluon_ssd.training.checkpointer import Checkpointer
from gluon_ssd.training.meters import Meter
from gluon_ssd.training.resume import Best, State, begin, shown_score
from gluon_ssd.training.run_files import add_best
from tests.training.builders import Score, arrays_of, assert_same_weights, make_job, make_step


def voc(score):
    return Score([("mAP", f"{score:.4f}")], score)


def coco(score):
    """The log of COCO is in hundredths, with one decimal."""
    return Score([("~~~~ AP ~~~~\n", f"{100 * score:.1f}")], score)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([("cat", "0.9"), ("mAP", "0.25")], 0.25),
        ([("AP", "25.1")], 25.1),
        ([("mAP", "none")], 0.5),
        ([], 0.5),
    ],
)
def test_shown_score_is_the_last_line_or_else_the_number(lines, expected):
    assert shown_score(Score(lines, 0.5)) == expected


def test_only_more_than_the_best_counts_and_the_first_always_does():
    best = Best()
    told = [best.improve(epoch, voc(score)) for epoch, score in enumerate((0, 0.2, 0.2, 0.1, 0.3))]
    assert told == [True, True, False, False, True]
    assert (best.score, best.epoch) == (0.3, 4)


def test_no_number_is_never_the_best():
    best = Best()
    assert not best.improve(0, voc(math.nan))
    assert best == Best()
    assert best.improve(1, voc(0.1)) and not best.improve(2, voc(math.nan))
    assert (best.score, best.epoch) == (0.1, 1)


@pytest.mark.parametrize(
    ("shown", "evaluation", "improved", "score"),
    [
        (0.5, voc(0.6), True, 0.6),
        (0.5, voc(0.4), False, 0.5),
        (0.5, voc(0.5), False, 0.5),
        (25.1, coco(0.26), True, 0.26),
        (25.1, coco(0.25), False, 0.251),
        (0.7, coco(0.005), False, 0.007),  # hundredths below 1
        (0.4, coco(0.005), True, 0.005),
    ],
)
def test_a_score_of_a_legacy_log_is_compared_in_its_own_unit(shown, evaluation, improved, score):
    best = Best(epoch=3, shown=shown)
    assert best.improve(9, evaluation) is improved
    assert best.score == pytest.approx(score)
    assert best.epoch == (9 if improved else 3)


def state_of(epoch, batch):
    meter = Meter()
    meter.add(make_step())
    return State(epoch, batch, meter, Best(0.25, 1, 25.0))


def test_a_state_is_json():
    facts = json.loads(json.dumps(state_of(2, 3).facts()))
    meter = facts.pop("meter")
    assert facts == {
        "epoch": 2,
        "batch": 3,
        "best_score": 0.25,
        "best_epoch": 1,
        "best_shown": 25.0,
        "best_waited": 0,
    }
    assert meter["batches"] == 1 and meter["losses"] == {"CrossEntropy": 2.0, "SmoothL1": 1.0}


def save(prefix, *position):
    """A checkpoint of a network with other weights than those of `make_job`."""
    job = make_job(prefix, seed=1)
    Checkpointer(job).save(state_of(*position))
    return job


def test_a_new_run_starts_where_the_plan_says(tmp_path):
    job = make_job(tmp_path / "t", start_epoch=2)
    before = arrays_of(job.learner.network)
    state = begin(job)
    assert (state.position, state.best, state.meter.batches) == ((2, 0), Best(), 0)
    assert_same_weights(arrays_of(job.learner.network), before)


def test_a_checkpoint_brings_weights_position_meter_and_best(tmp_path, caplog):
    saved = save(tmp_path / "t", 1, 2)
    job = make_job(tmp_path / "t", resume=str(saved.files.checkpoint))
    state = begin(job)
    assert state.position == (1, 2)
    assert (state.best, state.last_step) == (Best(0.25, 1, 25.0), None)
    assert state.meter.means() == {"CrossEntropy": 2.0, "SmoothL1": 1.0}
    assert_same_weights(arrays_of(job.learner.network), arrays_of(saved.learner.network))
    assert caplog.messages == []


def test_a_checkpoint_counts_more_than_the_start_epoch(tmp_path, caplog):
    path = str(save(tmp_path / "t", 1, 2).files.checkpoint)
    with caplog.at_level(logging.WARNING):
        state = begin(make_job(tmp_path / "t", resume=path, start_epoch=3, options={"lr": 0.5}))
    assert state.position == (1, 2)
    told = "\n".join(caplog.messages)
    assert "lr was 0.05 in the checkpoint and is 0.5 now" in told
    assert f"The start epoch 3 is not used: {path} stands at [Epoch 1][Batch 2]" in told


@pytest.mark.parametrize(("epochs", "told"), [(4, ""), (3, "train for more than 3 epochs")])
def test_a_checkpoint_at_the_end_says_that_nothing_is_left(tmp_path, caplog, epochs, told):
    path = str(save(tmp_path / "t", 3, 0).files.checkpoint)
    with caplog.at_level(logging.WARNING):
        assert begin(make_job(tmp_path / "t", resume=path, epochs=epochs)).position == (3, 0)
    assert told in "".join(caplog.messages) and bool(caplog.messages) == bool(told)


def test_a_checkpoint_beyond_the_end_is_refused(tmp_path):
    path = str(save(tmp_path / "t", 3, 0).files.checkpoint)
    with pytest.raises(OptionError, match="of epoch 3, .* end after 2 epochs; ") as caught:
        begin(make_job(tmp_path / "t", resume=path, epochs=2))
    assert caught.value.settings == ("epochs",)


@pytest.mark.parametrize("at", [(3, 0), (1, 3)], ids=["another epoch", "the epoch that is cut"])
def test_a_checkpoint_beyond_so_many_steps_names_their_number(tmp_path, at):
    path = str(save(tmp_path / "t", *at).files.checkpoint)
    with pytest.raises(OptionError, match=f"batch {at[1]} of epoch {at[0]}, .* 5 steps") as caught:
        job = make_job(tmp_path / "t", resume=path, epochs=2, limit_steps=5, is_cut=True)
        begin(replace(job, batches=LimitedBatches(job.batches, 2, 5, 1)))
    assert caught.value.settings == ("limit_steps",)


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    path = str(save(tmp_path / "t", 1, 0).files.checkpoint)
    other = {"name": "other", "classes": ["a", "b", "c"]}
    with pytest.raises(WeightsError, match="other"):
        job = make_job(tmp_path / "t", resume=path)
        begin(replace(job, plan=replace(job.plan, network=other)))


@pytest.mark.parametrize(
    ("start_epoch", "best"), [(1, Best(None, 0, 0.5)), (3, Best(None, 2, 0.75)), (0, Best())]
)
def test_a_legacy_file_brings_weights_and_the_best_before_its_epoch(tmp_path, start_epoch, best):
    asked, legacy = [], tmp_path / "old.params"
    legacy.write_bytes(b"")
    hooks = {"load_weights": asked.append}
    job = make_job(tmp_path / "t", resume=str(legacy), start_epoch=start_epoch, hooks=hooks)
    for epoch, score in enumerate((0.5, 0.25, 0.75, 0.875)):
        add_best(job.files.best_log, epoch, score)
    state = begin(job)
    assert asked == [str(legacy)]
    assert (state.position, state.best) == ((start_epoch, 0), best)


@pytest.mark.parametrize("start_epoch", [4, 5])
def test_a_start_at_the_end_is_refused(tmp_path, start_epoch):
    with pytest.raises(
        OptionError, match=f"the start epoch {start_epoch} leaves nothing"
    ) as caught:
        begin(make_job(tmp_path / "t", start_epoch=start_epoch))
    assert caught.value.settings == ("start_epoch", "epochs")


def test_the_momentum_of_a_checkpoint_is_taken_up(tmp_path):
    saved = make_job(tmp_path / "t")
    batch = saved.batches.make(0, 0)
    learner = saved.learner
    learner.devices.forward_backward(learner.network, learner.loss, batch.arrays)
    learner.optimizer.step(0.5)
    Checkpointer(saved).save(state_of(1, 1))
    job = make_job(tmp_path / "t", seed=1, resume=str(saved.files.checkpoint))
    begin(job)
    found = job.learner.optimizer.state_arrays()
    assert_same_weights(found, learner.optimizer.state_arrays())
    assert any(np.any(array) for array in found.values())
    assert job.learner.optimizer.num_updates == 1
