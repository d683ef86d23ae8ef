"""Lines of the JSON summary, event by event."""

from __future__ import annotations

import json

import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.report.json_summary import JsonSummary


def lines(path):
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(line.pop("time") > 1e9 for line in found)
    return found


def test_events_have_the_published_keys(tmp_path):
    path = tmp_path / "new" / "summary.json"
    with JsonSummary(path) as summary:
        summary("start", (0, 0), {"options": {"lr": 0.1}, "file": None})
        summary("epoch_begin", (0, 0), {"epoch": 0})
        summary("interval", (0, 20), {"losses": ["A", "B"], "A": 2.0, "B": 0.5, "lr": 1.0})
        summary("epoch", (1, 0), {"epoch": 0, "seconds": 12.5})
        summary("validation", (1, 0), {"epoch": 0, "score": 0.25})
        summary("checkpoint", (1, 0), {"file": "a.npz", "seconds": 0.1})
        summary("end", (1, 0), {"best_score": float("nan"), "reason": "epochs"})
    *found, end = lines(path)
    assert found == [
        {"type": "PARAMETER", "step": [], "data": {"lr": 0.1}},
        {"type": "LOG", "step": [0, 20], "data": {"loss": 2.5}},
        {"type": "LOG", "step": [0], "data": {"time": 12.5}},
        {"type": "LOG", "step": [0], "data": {"mAP": 0.25}},
        {"type": "LOG", "step": [1], "data": {"model path": "a.npz"}},
    ]
    assert end["data"].keys() == {"total time", "mAP"}
    assert end["data"]["mAP"] is None and end["data"]["total time"] >= 0


def test_a_folder_in_its_place_is_one_error(tmp_path):
    with pytest.raises(EnvironmentProblem, match="cannot write"):
        JsonSummary(tmp_path)


def test_a_full_disk_is_one_error():
    with pytest.raises(EnvironmentProblem, match="cannot write /dev/full: the disk is full"):
        with JsonSummary("/dev/full") as summary:
            summary.write((), {"mAP": 1.0})
