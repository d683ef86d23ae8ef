"""Tables as JSON lines."""

from __future__ import annotations

import json

import pytest

from gluon_ssd.inference.tables.json_lines import line_of, read_json_lines, write_json_lines
from gluon_ssd.inference.tables.rows import Row
from tests.inference.tables.builders import BAD, EMPTY, FULL, ROWS


def test_a_line_is_plain_json():
    assert json.loads(line_of(FULL)) == {
        "file": "a/ä b.jpg",
        "width": 60,
        "height": 40,
        "labels": [1, 0],
        "names": ["green", "red"],
        "scores": [0.75, 0.5],
        "boxes_px": [[6.25, 8.0, 30.5, 20.0], [0.0, 0.0, 1.0, 1.0]],
        "error": None,
    }
    assert json.loads(line_of(EMPTY))["boxes_px"] == []
    assert json.loads(line_of(BAD))["error"] == BAD.error


def test_numbers_are_short():
    row = Row("a", 1, 1, (0,), ("x",), (0.12345678806304932,), ((1 / 3, 0.0, 1.0, 1.0),))
    assert '"scores": [0.123457], "boxes_px": [[0.33, 0.0, 1.0, 1.0]]' in line_of(row)


def test_what_is_written_is_read(tmp_path):
    write_json_lines(tmp_path / "t.jsonl", ROWS)
    assert (tmp_path / "t.jsonl").read_text("utf-8").count("\n") == 3
    assert list(read_json_lines(tmp_path / "t.jsonl")) == ROWS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"file": "a"', "line 1 is not valid JSON"),
        ('{"file": "a"}\n', "line 1: a row has the columns"),
        ("[]\n", "line 1: a row has the columns"),
        ("[" * 100_000, "line 1 is nested too deep"),
        ('{"file": ' + "1" * 5000 + "}", "line 1 holds an integer of 5000 digits"),
    ],
    ids=["cut", "columns", "list", "deep", "digits"],
)
def test_other_files_are_told_apart(tmp_path, text, said):
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(ValueError, match=said):
        list(read_json_lines(tmp_path / "t.jsonl"))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("file", None),
        ("width", "60"),
        ("height", -1),
        ("labels", 1),
        ("labels", ["a"]),
        ("names", [1]),
        ("scores", ["high"]),
        ("scores", [float("nan")]),
        ("boxes_px", [[1, 2, 3]]),
        ("boxes_px", [1, 2, 3, 4]),
        ("boxes_px", [[1, 2, 3, float("inf")]]),
        ("error", 5),
    ],
)
def test_a_value_of_another_kind_is_named(tmp_path, column, value):
    row = {**json.loads(line_of(FULL)), column: value}
    (tmp_path / "t.jsonl").write_text(f"{line_of(FULL)}\n{json.dumps(row)}\n")
    with pytest.raises(ValueError, match=f"^line 2: {column} has a value of another kind$"):
        list(read_json_lines(tmp_path / "t.jsonl"))
