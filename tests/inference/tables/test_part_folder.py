"""A table that grows part by part."""

from __future__ import annotations

import json

import pytest

from gluon_ssd.errors import DataError, EnvironmentProblem, OptionError
from gluon_ssd.inference.tables.part_folder import FORMATS, RUN_FILE, PartFolder, open_parts
from tests.inference.tables.builders import BAD, EMPTY, FULL, ROWS

FACTS = {"model": "m 12ab", "size": (1, 2)}
EACH_FORMAT = pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=[pytest.mark.ray] if k == "parquet" else []) for k in FORMATS]
)


@EACH_FORMAT
def test_parts_are_added_and_found_again(tmp_path, kind):
    ending = FORMATS[kind].ending
    with open_parts(tmp_path / "t", kind, FACTS) as parts:
        parts.write([FULL])
        parts.write([])
        parts.write([EMPTY, BAD])
        assert parts.done == {row.file for row in ROWS}
    names = sorted(path.name for path in (tmp_path / "t").iterdir())
    assert names == [RUN_FILE, f"part-000000.{ending}", f"part-000001.{ending}"]
    with open_parts(tmp_path / "t", kind, FACTS) as parts:
        assert parts.done == {row.file for row in ROWS}
        tally = parts.tally
        assert (tally.with_objects, tally.without_objects, tally.unusable) == (1, 1, 1)
        assert tally.total == 3
        parts.write([EMPTY])
    assert (tmp_path / "t" / f"part-000002.{ending}").exists()


@pytest.mark.parametrize(
    ("kind", "facts", "message"),
    [
        ("jsonl", {**FACTS, "model": "n 99"}, "made with model m 12ab, and this run has n 99"),
        ("parquet", FACTS, "made with format jsonl, and this run has parquet"),
        ("endpoint", FACTS, "made with format jsonl, and this run has endpoint"),
    ],
)
def test_parts_made_with_something_else_are_left_alone(tmp_path, kind, facts, message):
    with open_parts(tmp_path, "jsonl", FACTS) as parts:
        parts.write([FULL])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(OptionError, match=message), open_parts(tmp_path, kind, facts):
        pass
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_parts_of_unknown_origin_are_left_alone(tmp_path):
    (tmp_path / "part-000000.jsonl").write_text("")
    with pytest.raises(OptionError, match=f"no {RUN_FILE}"), open_parts(tmp_path, "jsonl", FACTS):
        pass


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "jsonl"}'])
def test_a_damaged_run_file_is_no_run_to_go_on_with(tmp_path, text):
    (tmp_path / RUN_FILE).write_text(text)
    with pytest.raises((DataError, OptionError)), open_parts(tmp_path, "jsonl", FACTS):
        pass


def test_a_damaged_part_is_named(tmp_path):
    with open_parts(tmp_path, "jsonl", FACTS) as parts:
        parts.write([FULL])
    (tmp_path / "part-000000.jsonl").write_text('{"file": "a/')
    with (
        pytest.raises(DataError, match="part-000000.jsonl is no part of a table .* remove it"),
        open_parts(tmp_path, "jsonl", FACTS),
    ):
        pass


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / ".part-000000.99999999.part.jsonl").write_text('{"fi')
    with open_parts(tmp_path, "jsonl", FACTS) as parts:
        parts.write([FULL])
    assert sorted(path.name for path in tmp_path.iterdir()) == [RUN_FILE, "part-000000.jsonl"]


def test_two_processes_do_not_share_a_table(tmp_path):
    with open_parts(tmp_path, "jsonl", FACTS):
        with (
            pytest.raises(OptionError, match="_run.json is being written by another run"),
            open_parts(tmp_path, "jsonl", FACTS),
        ):
            pass
    with open_parts(tmp_path, "jsonl", FACTS):
        pass


def test_rows_that_cannot_be_written_do_not_count(tmp_path):
    parts = PartFolder(tmp_path, "jsonl")
    (tmp_path / "part-000000.jsonl").mkdir()
    with pytest.raises(EnvironmentProblem, match="that path is a folder"):
        parts.write([FULL])
    assert (parts.done, parts.tally.total) == (set(), 0)


def test_the_run_file_can_be_read_by_people(tmp_path):
    with open_parts(tmp_path, "jsonl", FACTS):
        pass
    assert json.loads((tmp_path / RUN_FILE).read_text()) == {
        "format": "jsonl",
        "model": "m 12ab",
        "size": [1, 2],
    }
