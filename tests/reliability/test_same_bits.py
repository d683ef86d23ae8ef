"""Comparing what two trainings have written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.reliability.same_bits import FACTS, course, differences, is_same, read_events

NAME = "ssd_160_tiny_custom"
EVENTS = [
    {"event": "start", "time": 1.0, "at": [0, 0], "options": {}},
    {"event": "interval", "time": 2.0, "at": [0, 1], "step": 1, "lr": 0.1, "seconds": 0.5},
    {"event": "checkpoint", "time": 3.0, "at": [0, 1]},
    {"event": "epoch", "time": 4.0, "at": [1, 0], "epoch": 0, "data_wait": 0.1},
    {"event": "validation", "time": 5.0, "at": [1, 0], "score": 0.25, "seconds": 2.0},
]


def write_run(folder: Path, *, weight=1.0, momentum=0.5, step=7, score=0.25, later=0.0) -> Path:
    """What a training of one step leaves."""
    folder.mkdir()
    facts = {key: 0 for key in FACTS} | {"step": step, "options": {"save_prefix": str(folder)}}
    text = json.dumps(facts).encode()
    arrays = {
        "weights/a": np.array([weight, 2.0], np.float32),
        "momentum/a": np.array([momentum, 0.0], np.float32),
        "random/numpy": np.arange(3, dtype=np.uint32),
        "facts": np.frombuffer(text, np.uint8),
    }
    with open(folder / f"{NAME}_checkpoint.npz", "wb") as file:
        np.savez(file, **arrays)
    events = [{**event, "time": event["time"] + later} for event in EVENTS]
    events[-1]["score"] = score
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (folder / f"{NAME}_journal.jsonl").write_text(lines)
    (folder / f"{NAME}_best.params").write_bytes(b"weights")
    (folder / f"{NAME}_best_map.log").write_text("0000:\t0.2500\n")
    (folder / f"{NAME}_train.log").write_text(f"{later}")
    return folder


def test_the_same_run_at_another_time_differs_in_nothing(tmp_path):
    ours, theirs = write_run(tmp_path / "a"), write_run(tmp_path / "b", later=100.0)
    assert differences(ours, theirs) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"weight": np.nextafter(np.float32(1), np.float32(2))}, "checkpoint: weights/a differs"),
        ({"momentum": 0.25}, "checkpoint: momentum/a differs"),
        ({"step": 8}, "checkpoint: facts differs"),
        ({"score": 0.5}, f"{NAME}_journal.jsonl: another course"),
    ],
    ids=["last bit", "momentum", "step", "score"],
)
def test_what_differs_is_named(tmp_path, change, complaint):
    ours, theirs = write_run(tmp_path / "a", **change), write_run(tmp_path / "b")
    assert differences(ours, theirs) == [complaint]


def test_other_files_and_leftovers_are_named(tmp_path):
    ours, theirs = write_run(tmp_path / "a"), write_run(tmp_path / "b")
    (ours / f"{NAME}_best.params").write_bytes(b"Weights")
    (ours / f"{NAME}_curves.png").write_bytes(b"")
    (ours / f".{NAME}_checkpoint.12.part.npz").write_bytes(b"")
    (ours / f".{NAME}.lock").write_bytes(b"")
    assert differences(ours, theirs) == [
        f"files: ['{NAME}_curves.png']",
        f"left over: .{NAME}_checkpoint.12.part.npz",
        f"{NAME}_best.params: other bytes",
    ]


def test_tables_are_compared_without_times_and_records_of_runs_are_not(tmp_path):
    ours, theirs = write_run(tmp_path / "a"), write_run(tmp_path / "b")
    for folder, seconds in ((ours, 1), (theirs, 2)):
        (folder / f"{NAME}_results.csv").write_text(f"epoch,mAP,seconds\n0,0.5,{seconds}\n")
        (folder / f"{NAME}_run.json").write_text(f"{seconds}")
    assert differences(ours, theirs) == []
    (ours / f"{NAME}_results.csv").write_text("epoch,mAP,seconds\n0,0.5,1\n0,0.5,1\n")
    assert differences(ours, theirs) == [f"{NAME}_results.csv: other rows"]


def test_only_the_last_run_of_a_journal_counts_and_a_torn_line_does_not(tmp_path):
    journal = tmp_path / "j.jsonl"
    lines = [json.dumps(event) for event in (*EVENTS, EVENTS[0], EVENTS[1])]
    journal.write_text("\n".join(lines) + '\n{"event": "epo')
    assert [event["event"] for event in read_events(journal)] == ["start", "interval"]
    assert course(journal) == [{"event": "interval", "at": [0, 1], "step": 1, "lr": 0.1}]
    assert read_events(tmp_path / "none.jsonl") == []


def test_bits_and_not_values_are_compared():
    assert is_same(np.array([np.nan]), np.array([np.nan]))
    assert not is_same(np.array([0.0]), np.array([-0.0]))
    assert not is_same(np.array([1.0]), np.array([1.0], np.float32))
    assert not is_same(np.zeros((1, 2)), np.zeros((2, 1)))
