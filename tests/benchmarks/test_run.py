from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from gluon_ssd.benchmarks import rows as benchmarks
from gluon_ssd.benchmarks import run
from gluon_ssd.benchmarks.run import run_benchmark
from gluon_ssd.options.benchmark_kinds import KINDS, ON_WHOLE_CPU


def measured(monkeypatch: pytest.MonkeyPatch, kind: str, rows: list[dict]) -> None:
    monkeypatch.setitem(benchmarks.ROWS, kind, lambda options: rows)


def test_rows_are_a_table_and_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    rows = [{"way": "ours", "ms": 2.5}, {"way": "theirs", "ms": 5.0}]
    measured(monkeypatch, "data", rows)
    output = tmp_path / "new" / "rows.json"
    text = run_benchmark("data", SimpleNamespace(output=str(output)))
    assert text.splitlines() == [
        "| way    |  ms |",
        "| ------ | --: |",
        "| ours   | 2.5 |",
        "| theirs |   5 |",
    ]
    assert json.loads(output.read_text()) == rows


def test_one_long_row_stands_upright(monkeypatch: pytest.MonkeyPatch):
    measured(monkeypatch, "scaling", [{"processes": 2, "ratio": 0.5}])
    lines = run_benchmark("scaling", SimpleNamespace(output="")).splitlines()
    assert [line.split() for line in lines[2:]] == [
        ["|", "processes", "|", "2", "|"],
        ["|", "ratio", "|", "0.5", "|"],
    ]


def test_a_process_without_rows_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    measured(monkeypatch, "scaling", [])
    output = tmp_path / "rows.json"
    assert run_benchmark("scaling", SimpleNamespace(output=str(output))) == ""
    assert not output.exists()


@pytest.mark.parametrize("kind", run.TEXTS)
def test_some_write_their_own_files(monkeypatch: pytest.MonkeyPatch, kind: str):
    monkeypatch.setitem(run.TEXTS, kind, lambda options: f"text of {options}")
    assert run_benchmark(kind, "all") == "text of all"


def test_every_kind_with_options_can_be_run():
    assert {*benchmarks.ROWS, *run.TEXTS} == KINDS.keys()
    assert not benchmarks.ROWS.keys() & run.TEXTS.keys() and benchmarks.NOTES.keys() <= KINDS.keys()
    assert {*ON_WHOLE_CPU} <= KINDS.keys()
