"""The course of a run: what is asked and done after each step and each epoch, in which order."""

from __future__ import annotations

import signal

import numpy as np
import pytest

from gluon_ssd.errors import DataError, DivergedError, EnvironmentProblem, Interrupted
from gluon_ssd.system.signals import SIGNALS, StopRequest
from gluon_ssd.training.checkpoint import load_checkpoint
from gluon_ssd.training.journal import read_journal
from gluon_ssd.training.meters import Meter
from gluon_ssd.training.resume import Best, State
from gluon_ssd.training.run import Run
from gluon_ssd.training.team.team import Team
from tests.training.builders import Score, Second, SyntheticBatches, make_job, make_step


def run(prefix, *, state=None, stop=None, **job):
    """One run; the state at its end."""
    course = Run(make_job(prefix, **{"epochs": 2, **job}), state or State(), stop or StopRequest())
    with course.reporter:
        course.epochs()
    return course.state


def told(folder, *kinds):
    found = read_journal(folder / "t_journal.jsonl")
    return [(e["event"], *e["at"]) for e in found if not kinds or e["event"] in kinds]


def test_every_epoch_is_trained_validated_and_checkpointed(tmp_path):
    scores = iter([0.5, 0.25])
    hooks = {"evaluate": lambda: Score([("mAP", "x")], next(scores))}
    state = run(tmp_path / "t", hooks=hooks, log_interval=0)
    assert told(tmp_path) == [
        ("start", 0, 0),
        ("epoch", 1, 0),
        ("checkpoint", 0, 3),  # nothing that validation meets costs the epoch
        ("validation", 1, 0),
        ("checkpoint", 1, 0),
        ("epoch", 2, 0),
        ("checkpoint", 1, 4),
        ("validation", 2, 0),
        ("checkpoint", 2, 0),
        ("end", 2, 0),
    ]
    assert (state.position, state.best.score, state.best.epoch) == ((2, 0), 0.5, 0)
    assert (state.meter.batches, state.last_step.batch) == (0, 3)


def test_the_interval_of_validations_is_kept(tmp_path):
    run(tmp_path / "t", val_interval=3, save_interval=0, epochs=4)
    assert told(tmp_path, "validation") == [("validation", 1, 0), ("validation", 4, 0)]
    ends = [(0, 3), (1, 0), (2, 0), (3, 0), (3, 4), (4, 0)]  # two where it is validated
    assert told(tmp_path, "checkpoint") == [("checkpoint", *at) for at in ends]


def test_a_run_begins_within_an_epoch_and_its_means_are_of_the_whole(tmp_path):
    meter = Meter()
    meter.add(make_step(0, {"CrossEntropy": 100.0, "SmoothL1": 0.0}))
    asked = []
    batches = SyntheticBatches(hook=lambda *position: asked.append(position))
    run(tmp_path / "t", state=State(1, 2, meter), batches=batches)
    assert asked == [(1, 2), (1, 3)]
    (epoch,) = [e for e in read_journal(tmp_path / "t_journal.jsonl") if e["event"] == "epoch"]
    assert epoch["CrossEntropy"] > 30


def test_an_epoch_whose_batches_are_done_is_only_finished(tmp_path):
    meter = Meter()
    meter.add(make_step())
    batches = SyntheticBatches(hook=lambda *_: pytest.fail("no batch is left"))
    state = run(tmp_path / "t", state=State(1, 4, meter), batches=batches)
    assert state.position == (2, 0)
    assert ("validation", 2, 0) in told(tmp_path)


@pytest.mark.parametrize("kind", [DataError, EnvironmentProblem])
def test_an_error_of_a_validation_costs_no_epoch(tmp_path, kind):
    def fail():
        raise kind("v.jpg is damaged", settings=("on_bad_image",))

    saved = []
    hooks = {"evaluate": fail, "save_weights": saved.append}
    expected = (
        "^v.jpg is damaged; epoch 0 is trained and saved, go on with its validation from "
        rf"{tmp_path}/t_checkpoint.npz$"
    )
    with pytest.raises(kind, match=expected) as caught:
        run(tmp_path / "t", hooks=hooks, save_interval=1)
    assert caught.value.settings == ("on_bad_image", "resume")
    facts = load_checkpoint(tmp_path / "t_checkpoint.npz").facts
    assert (facts["epoch"], facts["batch"], facts["num_updates"]) == (0, 3, 3)
    assert saved == [f"{tmp_path}/t_0000.params"]


def test_a_cut_epoch_stays_where_it_is(tmp_path):
    state = run(tmp_path / "t", is_cut=True)
    assert state.position == (1, 4)
    assert state.meter.batches == 4
    assert load_checkpoint(tmp_path / "t_checkpoint.npz").facts["batch"] == 4


def test_data_that_ends_early_is_an_error(tmp_path):
    class Short(SyntheticBatches):
        def epoch(self, epoch, start_batch=0):
            yield self.make(epoch, 0)

    expected = "the data ended after 1 of 3 batches of epoch 0; "
    with pytest.raises(DataError, match=expected) as caught:
        run(tmp_path / "t", batches=Short())
    assert caught.value.settings == ("resume",)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_followed_after_the_step_with_a_checkpoint(tmp_path, number):
    stop = StopRequest()
    batches = SyntheticBatches(hook=lambda *at: stop.ask(number) if at == (0, 1) else None)
    expected = (
        rf"stopped by {number.name} at \[Epoch 0\]\[Batch 2\]; go on from .*t_checkpoint.npz$"
    )
    with pytest.raises(Interrupted, match=expected) as caught:
        run(tmp_path / "t", stop=stop, batches=batches)
    assert (caught.value.exit_code, caught.value.settings) == (128 + number, ("resume",))
    facts = load_checkpoint(tmp_path / "t_checkpoint.npz").facts
    assert (facts["epoch"], facts["batch"], facts["step"], facts["num_updates"]) == (0, 2, 2, 2)
    assert told(tmp_path)[-2:] == [("checkpoint", 0, 2), ("end", 0, 2)]


def test_a_signal_before_a_validation_stops_without_it(tmp_path):
    stop = StopRequest()

    class Asking(SyntheticBatches):
        def epoch(self, epoch, start_batch=0):
            yield from super().epoch(epoch, start_batch)
            stop.ask(signal.SIGTERM)

    hooks = {"evaluate": lambda: pytest.fail("validated")}
    with pytest.raises(Interrupted, match=r"\[Epoch 0\]\[Batch 3\]"):
        run(tmp_path / "t", stop=stop, batches=Asking(), hooks=hooks)


class Asked(Team):
    """Another process asks for something at one step of its own, from 0."""

    def __init__(self, at, place):
        self._steps, self._at, self._place = -1, at, place

    def total(self, values):
        values = np.array(values, np.float64)
        if len(values) > len(SIGNALS) + 1:  # of a step, not of a question between two
            self._steps += 1
            if self._steps == self._at:
                values[self._place] += 1
        return values


def test_a_signal_to_another_process_stops_this_one_too(tmp_path):
    place = -1 - len(SIGNALS) + SIGNALS.index(signal.SIGTERM)
    with pytest.raises(Interrupted, match=r"stopped by SIGTERM at \[Epoch 0\]\[Batch 2\]"):
        run(tmp_path / "t", team=Asked(1, place))


def test_a_checkpoint_that_another_process_asks_for_is_written(tmp_path):
    run(tmp_path / "t", team=Asked(1, -1), epochs=1)
    assert told(tmp_path, "checkpoint")[0] == ("checkpoint", 0, 2)


def test_checkpoints_within_an_epoch_follow_the_clock(tmp_path):
    run(tmp_path / "t", epochs=1, checkpoint_interval_s=1e-9)
    within = [("checkpoint", 0, batch) for batch in (1, 2, 3)]
    # One more goes before the validation.
    assert told(tmp_path, "checkpoint") == [*within, ("checkpoint", 0, 3), ("checkpoint", 1, 0)]


def test_a_divergence_is_told_with_what_is_left_and_what_to_try(tmp_path):
    class Infinite(SyntheticBatches):
        def make(self, epoch, number):
            batch = super().make(epoch, number)
            if (epoch, number) == (1, 1):
                batch.arrays["image"][:] = np.inf
            return batch

    expected = r"not finite after \[Epoch 1\]\[Batch 1\].*; the last good checkpoint is .*; try a"
    with pytest.raises(DivergedError, match=expected) as caught:
        run(tmp_path / "t", batches=Infinite())
    assert caught.value.settings == ("lr",)
    last = read_journal(tmp_path / "t_journal.jsonl")[-1]
    assert (last["event"], last["at"], last["message"]) == ("diverged", [1, 2], str(caught.value))


def ending(folder):
    events = read_journal(folder / "t_journal.jsonl")
    return next(event for event in events if event["event"] == "end")


def test_a_run_ends_with_the_validation_that_reaches_the_target(tmp_path, caplog):
    caplog.set_level("INFO")
    scores = iter([0.2, 0.31, 0.9])
    hooks = {"evaluate": lambda: Score([("mAP", "x")], next(scores))}
    job = make_job(tmp_path / "t", epochs=4, target_score=0.3, hooks=hooks)
    course = Run(job, State(), StopRequest())
    with course.reporter:
        course.epochs()
    assert told(tmp_path, "validation", "end") == [
        ("validation", 1, 0),
        ("validation", 2, 0),
        ("end", 2, 0),
    ]
    assert course.reached_target
    end = ending(tmp_path)
    assert (end["reason"], end["best_score"]) == ("target", 0.31)
    assert "[Epoch 1] mAP 0.3100 reaches the target 0.3: the run ends here" in caplog.text


def patient(folder, scores, **more):
    """A run of 8 epochs that waits for 2 validations; the epochs validated, and why it ended."""
    scores = iter(scores)
    more = {"epochs": 8, "save_interval": 0, "hooks": {}, **more}
    more["hooks"] = {"evaluate": lambda: Score([("mAP", "x")], next(scores))}
    course = Run(make_job(folder / "t", patience=2, **more), State(), StopRequest())
    with course.reporter:
        course.epochs()
    return [epoch - 1 for _, epoch, _ in told(folder, "validation")], ending(folder)["reason"]


@pytest.mark.parametrize(
    ("scores", "epochs", "reason"),
    [
        ([0.5, 0.5, 0.4], [0, 1, 2], "patience"),
        ([0.1, 0.0, 0.2, 0.1, 0.3, 0.2, 0.25], [0, 1, 2, 3, 4, 5, 6], "patience"),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.5, 0.5], [*range(8)], "epochs"),
        ([float("nan")] * 8, [*range(8)], "epochs"),
        ([0.1, float("nan"), 0.0, float("nan"), 0.0], [0, 1, 2, 3, 4], "patience"),
    ],
    ids=["no gain", "gains between", "the last two of all", "no score", "scores between"],
)
def test_a_run_waits_for_a_better_score_so_long(tmp_path, scores, epochs, reason):
    assert patient(tmp_path, scores) == (epochs, reason)


def test_what_is_waited_for_is_counted_in_validations_and_told(tmp_path, caplog):
    caplog.set_level("INFO")
    assert patient(tmp_path, [0.5, 0.25, 0.25], val_interval=2) == ([0, 2, 4], "patience")
    assert (
        "[Epoch 4] mAP 0.5000 of epoch 0 is the best, and 2 validations since brought no better "
        "one: the run ends here"
    ) in caplog.text


def test_a_resumed_run_waits_as_long_as_one_without_a_stop(tmp_path):
    state = State(epoch=3, best=Best(0.5, 1, waited=1))
    scores = iter([0.25, 0.9])
    hooks = {"evaluate": lambda: Score([("mAP", "x")], next(scores))}
    ended = run(tmp_path / "t", state=state, epochs=8, patience=2, hooks=hooks)
    assert (ended.position, ended.best.waited) == ((4, 0), 2)
    assert load_checkpoint(tmp_path / "t_checkpoint.npz").facts["best_waited"] == 2
    again = run(tmp_path / "t", state=ended, epochs=8, patience=2, hooks=hooks)
    assert again.position == (4, 0)


def test_a_target_that_is_not_reached_changes_nothing(tmp_path):
    hooks = {"evaluate": lambda: Score([("mAP", "x")], float("nan"))}
    state = run(tmp_path / "t", target_score=0.3, hooks=hooks)
    assert state.position == (2, 0)
    assert ending(tmp_path)["reason"] == "epochs"


def test_a_run_that_had_reached_its_target_trains_no_more_when_resumed(tmp_path):
    batches = SyntheticBatches(hook=lambda *_: pytest.fail("no batch is asked for"))
    state = State(epoch=1)
    state.best.score, state.best.epoch = 0.3, 0
    state = run(tmp_path / "t", state=state, batches=batches, target_score=0.3)
    assert state.position == (1, 0)
    assert told(tmp_path) == [("start", 1, 0), ("end", 1, 0)]


def test_watchers_are_told_every_event_and_where_epochs_and_validations_begin(tmp_path):
    seen = []
    hooks = {"watchers": [lambda event, at, fields: seen.append((event, *at))]}
    run(tmp_path / "t", hooks=hooks, epochs=1, log_interval=0)
    assert [event for event, *_ in seen] == [
        "start",
        "epoch_begin",
        "epoch",
        "checkpoint",
        "validation_begin",
        "validation",
        "checkpoint",
        "end",
    ]
    written = told(tmp_path)
    assert written == [event for event in seen if not event[0].endswith("_begin")]


def test_watchers_are_of_the_leading_process(tmp_path):
    hooks = {"watchers": [lambda *_: pytest.fail("told on the second process")]}
    run(tmp_path / "t", hooks=hooks, epochs=1, team=Second())
