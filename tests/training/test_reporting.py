"""Log lines and journal of a few chosen steps."""

from __future__ import annotations

import logging
import time

import pytest

from gluon_ssd.training.journal import read_journal
from gluon_ssd.training.learning_rate import Schedule
from gluon_ssd.training.reporting import Reporter
from gluon_ssd.training.resume import State
from tests.training.builders import Score, Second, make_job, make_step


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


@pytest.fixture(autouse=True)
def _all_lines(caplog):
    caplog.set_level(logging.INFO, "gluon_ssd")


def events(folder, kind):
    return [event for event in read_journal(folder / "t_journal.jsonl") if event["event"] == kind]


def take(reporter, state, steps):
    """Report steps as a run does."""
    for step in steps:
        state.batch = step.batch + 1
        state.meter.add(step)
        reporter.step(step, state)


def test_a_new_run_says_where_it_starts_and_keeps_its_options(tmp_path, caplog):
    with Reporter(make_job(tmp_path / "t", options={"sizes": (1, 2)}), (2, 0)):
        pass
    assert caplog.messages == ["Start training from [Epoch 2]"]
    (start,) = events(tmp_path, "start")
    assert (start["at"], start["options"], start["file"]) == ([2, 0], {"sizes": [1, 2]}, None)


@pytest.mark.parametrize(
    ("name", "kind", "kept"), [("c.npz", "resume", 1), ("w.params", "start", 2)]
)
def test_a_checkpoint_goes_on_with_its_journal_and_weights_begin_a_run(tmp_path, name, kind, kept):
    with Reporter(make_job(tmp_path / "t"), (0, 0)) as earlier:
        earlier.event("checkpoint", (1, 1))
        earlier.event("checkpoint", (1, 2))
    (tmp_path / name).write_bytes(b"")
    with Reporter(make_job(tmp_path / "t", resume=str(tmp_path / name)), (1, 1)):
        pass
    begun = events(tmp_path, kind)[-1]
    assert (begun["at"], begun["file"]) == ([1, 1], str(tmp_path / name))
    assert len(events(tmp_path, "checkpoint")) == kept


def test_an_interval_has_its_own_means_in_the_journal_and_the_epochs_in_the_log(
    tmp_path, caplog, clock
):
    state = State(epoch=1)
    with Reporter(make_job(tmp_path / "t", log_interval=2), (0, 0)) as reporter:
        clock[0] += 30  # three steps of epoch 0, 10 s each
        state.meter.restart()
        reporter.begin_epoch(1)
        for number, value in enumerate((1.0, 3.0, 5.0, 7.0)):
            clock[0] += 2
            take(reporter, state, [make_step(number, {"Focal": value, "L1": 10 * value})])
    lines = [line for line in caplog.messages if "Speed" in line]
    assert lines == [
        "[Epoch 1][Batch 1], Speed: 2.000 samples/sec, Focal=2.000, L1=20.000",
        "[Epoch 1][Batch 3], Speed: 2.000 samples/sec, Focal=4.000, L1=40.000",
    ]
    first, second = events(tmp_path, "interval")
    assert (first["at"], first["step"], second["at"], second["step"]) == ([1, 2], 5, [1, 4], 7)
    assert (first["Focal"], first["L1"], second["Focal"], second["L1"]) == (2, 20, 6, 60)
    assert first["losses"] == ["Focal", "L1"]
    assert (second["samples_per_s"], second["seconds"], second["lr"]) == (2, 4, 0.05)
    # 34 s for 5 of 14 steps; 38 s for 7.
    assert (first["remaining_s"], second["remaining_s"]) == (round(34 / 5 * 9, 1), 38)


def test_without_an_interval_no_step_is_logged(tmp_path, caplog):
    with Reporter(make_job(tmp_path / "t", log_interval=0), (0, 0)) as reporter:
        take(reporter, State(), [make_step(number) for number in range(3)])
    assert len(caplog.messages) == 1 and events(tmp_path, "interval") == []


def test_an_epoch_tells_its_cost_and_the_rate_of_its_last_step(tmp_path, caplog, clock):
    schedule = Schedule(0.5, decay_epochs=(1,))
    state = State()
    with Reporter(make_job(tmp_path / "t", schedule=schedule, log_interval=0), (0, 0)) as reporter:
        take(reporter, state, [make_step(number, num_images=3) for number in range(3)])
        clock[0] += 6
        reporter.end_epoch(0, state.meter)
    expected = "[Epoch 0] Training cost: 6.000, CrossEntropy=2.000, SmoothL1=1.000"
    assert caplog.messages[-1] == expected
    (event,) = events(tmp_path, "epoch")
    found = {key: event[key] for key in ("at", "epoch", "step", "lr", "samples_per_s")}
    assert found == {"at": [1, 0], "epoch": 0, "step": 3, "lr": 0.5, "samples_per_s": 1.5}
    assert event["remaining_s"] == 22  # 3 of 14 steps in 6 s


def test_the_time_left_counts_from_where_the_run_was_taken_up(tmp_path, clock):
    state = State(epoch=1, batch=2)
    with Reporter(make_job(tmp_path / "t", log_interval=1), (1, 2)) as reporter:
        clock[0] += 3
        take(reporter, state, [make_step(2)])
    (event,) = events(tmp_path, "interval")
    assert event["remaining_s"] == 3 * 8


def test_the_rate_is_told_when_it_changes(tmp_path, caplog):
    job = make_job(tmp_path / "t", schedule=Schedule(0.5, decay_epochs=(1, 3)))
    with Reporter(job, (0, 0)) as reporter:
        for epoch in range(4):
            reporter.begin_epoch(epoch)
    assert caplog.messages[1:] == [
        "[Epoch 1] Set learning rate to 0.05",
        "[Epoch 3] Set learning rate to 0.005000000000000001",
    ]


def test_scores_are_told_in_the_legacy_form(tmp_path, caplog):
    with Reporter(make_job(tmp_path / "t"), (0, 0)) as reporter:
        reporter.validation(1, Score([("cat", "nan"), ("~AP~\n", "25.1")], 0.2512), 1.23456)
    assert caplog.messages[-1] == "[Epoch 1] Validation: \ncat=nan\n~AP~\n=25.1"
    (event,) = events(tmp_path, "validation")
    found = {key: event[key] for key in ("at", "epoch", "score", "values", "seconds")}
    assert found == {
        "at": [2, 0],
        "epoch": 1,
        "score": 0.2512,
        "values": {"cat": "nan", "~AP~": "25.1"},
        "seconds": 1.235,
    }


def test_what_is_known_of_a_validation_beside_its_score_is_kept(tmp_path):
    outcome = Score([("mAP", "0.5")], 0.5, {"cat": float("nan"), "dog": 0.5}, {"Box": 1.23456})
    with Reporter(make_job(tmp_path / "t"), (0, 0)) as reporter:
        reporter.validation(1, outcome, 1.0)
    (event,) = events(tmp_path, "validation")
    assert event["class_scores"] == {"cat": None, "dog": 0.5}
    assert event["val_losses"] == {"Box": 1.23456}


def test_the_table_is_written_without_curves_and_when_a_run_goes_on(tmp_path):
    written = []
    hooks = {
        "draw_curves": lambda found, path: pytest.fail("drawn"),
        "write_results": lambda found, path: written.append((len(found), path.name)),
    }
    with Reporter(make_job(tmp_path / "t", hooks=hooks), (0, 0)) as reporter:
        assert written == []
        reporter.publish(curves=False)
    (tmp_path / "c.npz").write_bytes(b"")
    with Reporter(make_job(tmp_path / "t", hooks=hooks, resume=str(tmp_path / "c.npz")), (0, 0)):
        pass
    assert written == [(1, "t_results.csv"), (2, "t_results.csv")]


def test_curves_are_drawn_of_the_last_run_alone(tmp_path):
    drawn = []
    hooks = {"draw_curves": lambda found, path: drawn.append((len(found), path))}
    for _ in range(2):
        with Reporter(make_job(tmp_path / "t", hooks=hooks), (0, 0)) as reporter:
            reporter.event("checkpoint", (0, 1))
            reporter.publish(curves=True)
    assert drawn == [(2, tmp_path / "t_curves.png")] * 2
    with Reporter(make_job(tmp_path / "t"), (0, 0)) as reporter:
        reporter.publish(curves=True)


def test_the_second_process_logs_and_writes_nothing(tmp_path, caplog):
    hooks = {"draw_curves": lambda found, path: pytest.fail("drawn")}
    job = make_job(tmp_path / "t", team=Second(), hooks=hooks, log_interval=1)
    with Reporter(job, (0, 0)) as reporter:
        take(reporter, State(), [make_step()])
        reporter.publish(curves=True)
    assert len(caplog.messages) == 2 and list(tmp_path.iterdir()) == []
