"""What is decided while a training is killed again and again; the real thing: test_kill_runs.py."""

from __future__ import annotations

import json
import os
import random

import pytest

from scripts.reliability.pace import Pace, begun_at, pace_of
from scripts.reliability.training_chain import Chain, TrainingChain, draw, phase
from scripts.reliability.training_commands import NETWORK, Run


def event(name, time, at=(0, 0)):
    return {"event": name, "time": time, "at": list(at)}


@pytest.mark.parametrize(
    ("events", "half", "expected"),
    [
        ([event("interval", 5)], [], "import"),
        ([event("resume", 12)], [], "training"),
        ([event("resume", 12), event("epoch", 13), event("checkpoint", 14)], [], "validation"),
        ([event("resume", 12), event("epoch", 13), event("validation", 14)], [], "training"),
        ([event("resume", 12), event("end", 13)], [], "ended"),
        ([event("resume", 12)], [".x.part"], "writing"),
    ],
)
def test_what_a_killed_run_was_doing_is_seen_from_its_journal(events, half, expected):
    assert phase(events, 10.0, half) == expected


def test_moments_lie_within_the_run_and_come_from_the_seed():
    pace = Pace(4.0, 1.0)
    moments = [draw("training", random.Random(7), pace) for _ in range(2)]
    assert moments[0] == moments[1]
    rng = random.Random(1)
    assert all(0 <= draw("ranks", rng, pace).after_s <= 10 for _ in range(100))
    writing = [draw("writing", rng, pace) for _ in range(100)]
    assert all(bool(moment.step) != bool(moment.pattern) for moment in writing)


def test_the_pace_follows_what_is_seen(tmp_path):
    journal = tmp_path / "j.jsonl"
    events = [
        event("start", 103.0),
        event("epoch", 105.0),
        event("epoch", 107.0),
        event("end", 109),
    ]
    journal.write_text("\n".join(map(json.dumps, events)))
    pace = pace_of(journal, 100.0)
    assert (pace.startup_s, pace.epoch_s) == (3.0, 3.0)
    pace.saw_startup(6.0)
    assert pace.startup_s == 4.0
    assert begun_at(journal) == 103.0 and begun_at(tmp_path / "none") is None


def chain_in(folder) -> TrainingChain:
    run = Run(folder, folder, 1)
    chain = TrainingChain("training", run, reference=folder, pace=Pace(1, 1), rng=random.Random(0))
    return chain


def write_journal(folder, *events):
    lines = "\n".join(map(json.dumps, events))
    (folder / f"{NETWORK}_journal.jsonl").write_text(lines)


def test_a_run_that_resumes_before_its_last_checkpoint_has_lost_work(tmp_path):
    chain, found = chain_in(tmp_path), Chain(0)
    write_journal(tmp_path, event("start", 1), event("checkpoint", 2, (1, 2)))
    chain._check_position(found, 0.0, False)
    assert (found.lost, found.resumed, found.begun_anew) == ([], 0, 0)
    write_journal(tmp_path, event("start", 1), event("resume", 11, (1, 2)))
    chain._check_position(found, 10.0, True)
    assert (found.lost, found.resumed) == ([], 1)
    chain.reached = [1, 2]
    write_journal(tmp_path, event("start", 1), event("resume", 21, (1, 1)))
    chain._check_position(found, 20.0, True)
    assert found.lost == ["resumed at [1, 1] and had reached [1, 2]"]


def test_a_run_that_begins_anew_beside_its_checkpoint_has_lost_work(tmp_path):
    found = Chain(0, kills=[{}])
    write_journal(tmp_path, event("start", 11))
    chain_in(tmp_path)._check_position(found, 10.0, True)
    assert found.lost == ["began anew although there was a checkpoint"]


def test_the_command_resumes_where_there_is_a_checkpoint(tmp_path):
    run = Run(tmp_path, tmp_path / "data", 3, ranks=2)
    assert "--resume" not in run.command() and "one_node.sh" in " ".join(run.command())
    run.checkpoint.touch()
    assert run.command()[-2:] == ["--resume", str(run.checkpoint)]
    assert run.environment(tmp_path / "t")["TMPDIR"] == os.path.join(tmp_path, "t")
