"""Which runs are meant, what they are called, and what is told of them."""

from __future__ import annotations

import json

import pytest

from gluon_ssd.commands.compare_runs import compare_runs, find_records, short_names
from gluon_ssd.errors import DataError
from gluon_ssd.options.compare_runs import CompareRunsCommand
from gluon_ssd.report.run_record import write_run_record
from gluon_ssd.training.journal import Journal


@pytest.fixture
def make_run(tmp_path):
    """A run of one epoch with a learning rate; returns its prefix."""

    def make(name, rate=0.5):
        prefix = tmp_path / name
        prefix.parent.mkdir(exist_ok=True, parents=True)
        record = {"state": "finished", "options": {"lr": rate}, "parts": [], "seconds": 1.0}
        write_run_record(f"{prefix}_run.json", {**record, "best": {"epoch": 0, "score": 0.5}})
        with Journal(f"{prefix}_journal.jsonl") as journal:
            losses = {"losses": ["Box"], "Box": 2.0}
            journal.write("epoch", (1, 0), epoch=0, step=3, lr=rate, seconds=3.0, **losses)
            journal.write("validation", (1, 0), epoch=0, score=0.5, seconds=1.0)
        return prefix

    return make


def test_a_run_is_named_by_file_prefix_or_folder(make_run, tmp_path):
    prefix = make_run("one/net")
    record = tmp_path / "one/net_run.json"
    for place in (prefix, record, tmp_path / "one"):
        assert find_records(str(place)) == [record]
    make_run("one/other")
    assert len(find_records(str(tmp_path / "one"))) == 2
    for place in ("none", "one/net_journal.jsonl", ""):
        with pytest.raises(DataError, match="is no training run: there is no file"):
            find_records(str(tmp_path / "x" / place))


@pytest.mark.parametrize(
    ("prefixes", "names"),
    [
        (["runs/a_net", "runs/b_net"], ["a_net", "b_net"]),
        (["one/net", "two/net"], ["one", "two"]),
        (["one/a", "one/b", "two/a"], ["one/a", "one/b", "two/a"]),
        (["x/one/a", "y/one/a"], ["x/one/a", "y/one/a"]),
    ],
)
def test_names_are_as_short_as_they_can_be(prefixes, names):
    assert short_names(prefixes) == names


def test_tables_and_picture_come_of_the_files(make_run, tmp_path):
    prefixes = [make_run("one/net"), make_run("two/net", 0.25)]
    output = str(tmp_path / "runs.png")
    lines = list(compare_runs(CompareRunsCommand(",".join(map(str, prefixes)), output)))
    assert lines[0].split("|")[1].strip() == "run"
    assert [line.split("|")[1].strip() for line in lines[2:4]] == ["one", "two"]
    assert [cell.strip() for cell in lines[7].split("|")[1:4]] == ["--lr", "0.5", "0.25"]
    assert lines[-1] == f"curves in {output}" and (tmp_path / "runs.png").stat().st_size > 0


def test_the_same_twice_is_one_and_equal_ones_differ_in_nothing(make_run, tmp_path):
    first, second = make_run("one/net"), make_run("two/net")
    output = str(tmp_path / "runs.png")
    with pytest.raises(DataError, match="there is only one run to compare, .*one/net_run.json"):
        list(compare_runs(CompareRunsCommand(f"{first},{tmp_path}/one", output)))
    lines = list(compare_runs(CompareRunsCommand(f"{first},{second}", output)))
    assert "No option, data, weights, code or machine differs." in lines


def test_a_record_of_something_else_is_one_line(make_run, tmp_path):
    first, second = make_run("one/net"), make_run("two/net")
    (tmp_path / "two/net_run.json").write_text(json.dumps({"state": "finished"}))
    with pytest.raises(DataError, match="net_run.json is no record of a run"):
        list(compare_runs(CompareRunsCommand(f"{first},{second}", str(tmp_path / "runs.png"))))
