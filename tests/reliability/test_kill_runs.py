"""scripts/kill_runs.py: a few real kills of each kind, and mistakes in its options."""

from __future__ import annotations

import json

import pytest

from scripts import kill_runs as script
from tests.entry_builders import one_error, run_module


def run(tmp_path, what, kills):
    """(exit code, printed table, what the file holds)."""
    output = tmp_path / f"{what}.json"
    options = ("--what", what, "--kills", kills, "--output", output, "--beside", 1)
    ended = run_module(script, *options)
    return ended, json.loads(output.read_text())


def test_the_file_is_needed():
    assert "--output FILE.json is needed" in one_error(run_module(script))


def test_another_series_in_the_file_is_one_line(tmp_path):
    path = tmp_path / "s.json"
    path.write_text(json.dumps({"what": "ranks", "seed": 0, "records": {}}))
    message = one_error(run_module(script, "--output", path))
    assert f"{path} holds a series with another what, ranks" in message


@pytest.mark.long
@pytest.mark.parametrize("what", ["training", "writing"])
def test_killed_trainings_end_with_the_same_bits(tmp_path, monkeypatch, what):
    monkeypatch.setattr("scripts.reliability.training_series.EPOCHS", 6)
    ended, content = run(tmp_path, what, 2)
    total = content["total"]
    assert ended.code == 0, ended.out + ended.err
    assert total["kills"] >= 2
    assert [total[key] for key in ("lost", "not bit-equal", "outlived")] == [0, 0, 0]
    assert f"series {what}" in ended.out
    assert not list((tmp_path / what).glob("*/.*.part*"))
    again, same = run(tmp_path, what, 2)
    assert (again.code, same) == (0, content)


@pytest.mark.long
@pytest.mark.horovod
def test_killed_ranks_end_with_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr("scripts.reliability.training_series.EPOCHS", 6)
    ended, content = run(tmp_path, "ranks", 3)
    assert ended.code == 0, ended.out + ended.err
    assert content["total"]["kills"] == 3 and content["total"]["not bit-equal"] == 0


@pytest.mark.long
@pytest.mark.tune
@pytest.mark.openvino
def test_killed_outputs_are_wholly_old_or_wholly_new(tmp_path):
    ended, content = run(tmp_path, "outputs", 10)
    assert ended.code == 0, ended.out + ended.err
    total = content["total"]
    assert total["kills"] == 10 and len(total["kinds"]) == 5
    assert total["wholly old"] + total["wholly new"] + total["mixed, refused"] == 10
