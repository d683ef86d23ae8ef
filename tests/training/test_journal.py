from __future__ import annotations

import json
import os

import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.training.journal import Journal, last_run, read_journal, up_to


def write_run(path, *positions, resume_at=None):
    with Journal(path, resume_at=resume_at) as journal:
        journal.write("start" if resume_at is None else "resume", resume_at or (0, 0))
        for position in positions:
            journal.write("interval", position, loss=1.5)


def steps_of(path):
    return [(e["event"], *e["at"]) for e in read_journal(path)]


def test_one_json_object_a_line(tmp_path):
    path = tmp_path / "made" / "j.jsonl"
    write_run(path, (0, 2))
    first, second = [json.loads(line) for line in path.read_text().splitlines()]
    assert first["event"] == "start" and second["loss"] == 1.5
    assert second["at"] == [0, 2] and second["time"] > 1.7e9


def test_lines_are_there_before_the_run_ends(tmp_path):
    journal = Journal(tmp_path / "j.jsonl")
    journal.write("start", (0, 0))
    assert steps_of(tmp_path / "j.jsonl") == [("start", 0, 0)]
    journal.close()
    journal.close()


def test_resume_drops_what_lies_beyond(tmp_path):
    path = tmp_path / "j.jsonl"
    write_run(path, (0, 2), (1, 0), (1, 2))
    write_run(path, (1, 2), resume_at=(1, 1))
    assert steps_of(path) == [
        ("start", 0, 0),
        ("interval", 0, 2),
        ("interval", 1, 0),
        ("resume", 1, 1),
        ("interval", 1, 2),
    ]


def test_resume_leaves_earlier_runs_alone(tmp_path):
    path = tmp_path / "j.jsonl"
    write_run(path, (0, 2), (9, 9))
    write_run(path, (0, 2), (1, 0))
    write_run(path, resume_at=(0, 2))
    assert steps_of(path)[:3] == [("start", 0, 0), ("interval", 0, 2), ("interval", 9, 9)]
    assert [e["event"] for e in last_run(read_journal(path))] == ["start", "interval", "resume"]


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_torn_last_line_is_dropped(tmp_path, cut):
    path = tmp_path / "j.jsonl"
    write_run(path, (0, 2), (0, 4))
    os.truncate(path, path.stat().st_size - cut)
    kept = [("start", 0, 0), ("interval", 0, 2)]
    # Without its line end alone, the last line is still whole.
    expected = [*kept, ("interval", 0, 4)] if cut == 1 else kept
    assert steps_of(path) == expected
    write_run(path, resume_at=(0, 4))
    assert steps_of(path) == [*expected, ("resume", 0, 4)]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_numbers_that_json_lacks_become_null(tmp_path):
    with Journal(tmp_path / "j.jsonl") as journal:
        journal.write("epoch", (1, 0), loss=float("nan"), values={"a": [float("inf"), 1.0]})
    (event,) = read_journal(tmp_path / "j.jsonl")
    assert event["loss"] is None and event["values"] == {"a": [None, 1.0]}


def test_up_to_keeps_what_ends_exactly_there():
    events = [{"event": "start", "at": [0, 0]}, {"event": "epoch", "at": [1, 0]}]
    assert up_to(events, (1, 0)) == events
    assert up_to(events, (0, 9)) == events[:1]


def test_missing_journal_is_empty_and_unreadable_is_one_line(tmp_path):
    assert read_journal(tmp_path / "none") == []
    with pytest.raises(EnvironmentProblem, match="cannot read"):
        read_journal(tmp_path)


def test_full_disk_is_one_line(tmp_path):
    journal = Journal(tmp_path / "j.jsonl")
    with open("/dev/full", "w") as full:
        os.dup2(full.fileno(), journal._file.fileno())
    with pytest.raises(EnvironmentProblem, match=r"cannot write .*j.jsonl: the disk is full"):
        journal.write("start", (0, 0))
    with pytest.raises(EnvironmentProblem):
        journal.close()


SOUND = {"event": "epoch", "time": 1.5e9, "at": [1, 0], "epoch": 0, "step": 3, "lr": 0.1}
SOUND |= {"losses": ["A"], "A": 0.5, "remaining_s": None, "seconds": 1.5}


@pytest.mark.parametrize(
    "change",
    [
        {"at": [1]},
        {"at": [1, 0, 2]},
        {"at": [1, True]},
        {"at": ["1", 0]},
        {"at": [-1, 0]},
        {"at": None},
        {"event": 3},
        {"epoch": 1.5},
        {"epoch": 10**30},
        {"step": "3"},
        {"lr": None},
        {"lr": float("nan")},
        {"lr": 1e300},
        {"A": "0.5"},
        {"A": [0.5]},
        {"A": float("inf")},
        {"losses": "A"},
        {"losses": [["A"]]},
        {"losses": ["at"]},
        {"options": []},
    ],
    ids=str,
)
def test_a_line_with_a_field_of_another_kind_is_left_out_and_counted(tmp_path, change, caplog):
    path = tmp_path / "j.jsonl"
    lines = [json.dumps(event) for event in (SOUND, {**SOUND, **change}, SOUND)]
    path.write_text("\n".join(lines) + "\n")
    assert read_journal(path) == [SOUND, SOUND]
    assert (
        f"{path}: 1 of 3 lines cannot be used and are left out, the first is line 2" in caplog.text
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "is not valid JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"event": "epoch", "at": [' + b"1" * 5000 + b", 0]}", "an integer of 5000 digits"),
        (b"\x80{}", "is not UTF-8 text"),
        (b'{"event": "\\ud800"}', "half a character"),
        (b"[1]", "it is no JSON object"),
        (b"{}", "it does not say what event it is"),
    ],
)
def test_a_broken_line_in_the_middle_is_named_and_a_torn_last_one_is_not(
    tmp_path, line, said, caplog
):
    path, sound = tmp_path / "j.jsonl", json.dumps(SOUND).encode()
    path.write_bytes(b"\n".join([sound, line, sound, b""]))
    assert read_journal(path) == [SOUND, SOUND]
    (record,) = caplog.records
    assert "line 2" in record.getMessage() and said in record.getMessage()
    assert record.getMessage().isprintable()
    caplog.clear()
    path.write_bytes(sound + b'\n{"event": "ep')
    assert read_journal(path) == [SOUND] and not caplog.records


def test_a_pipe_is_no_journal(tmp_path):
    os.mkfifo(tmp_path / "j.jsonl")
    with pytest.raises(EnvironmentProblem, match="it is a pipe, not a file"):
        read_journal(tmp_path / "j.jsonl")
