from __future__ import annotations

import json
import math
import os

import pytest

from gluon_ssd.system import event_log
from gluon_ssd.system.event_log import read_events

SOUND = {"event": "a", "n": 1}


def problem_of(event):
    return "" if event_log.is_count(event.get("n")) else "n is odd"


@pytest.mark.parametrize("end", [b"\n", b"", b"\n{", b'\n{"event": "a", "n'])
def test_whole_lines_count_and_a_torn_last_one_is_left_out_in_silence(tmp_path, end, caplog):
    path = tmp_path / "j"
    path.write_bytes(json.dumps(SOUND).encode() + end)
    assert read_events(path, problem_of)[0] == [SOUND] and not caplog.records


def test_lines_that_cannot_be_used_are_counted_and_the_first_is_named(tmp_path, caplog):
    path = tmp_path / "j"
    path.write_text('{"event": "a", "n": 1}\n{"event": "a"}\n\n{]\n{"event": "a", "n": 1}\n')
    assert read_events(path, problem_of) == ([SOUND, SOUND], 5)
    (record,) = caplog.records
    expected = "3 of 5 lines cannot be used and are left out, the first is line 2: n is odd"
    assert record.getMessage() == f"{path}: {expected}"


def test_files_that_are_not_there_or_no_files_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_events(tmp_path / "none", problem_of)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a pipe"):
        read_events(tmp_path / "pipe", problem_of)
    (tmp_path / "empty").touch()
    assert read_events(tmp_path / "empty", problem_of) == ([], 0)


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        ("is_number", [0, -1.5, 1e30], [None, True, "1", math.nan, -math.inf, 1e31, 10**39]),
        ("is_number_or_none", [None, 2], [False, math.inf, []]),
        ("is_count", [0, 10**15], [-1, True, 1.0, 10**16, "1", None]),
        ("is_text", ["", "a"], [None, 1, ["a"]]),
        ("is_texts", [[], ["a", "b"]], ["a", ["a", 1], {"a": 1}, None]),
    ],
)
def test_kinds_of_values(check, right, wrong):
    function = getattr(event_log, check)
    assert all(map(function, right)) and not any(map(function, wrong))
