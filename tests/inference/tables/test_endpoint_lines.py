"""Tables as an endpoint's answers, line by line."""

from __future__ import annotations

import json

import pytest

from gluon_ssd.inference.tables.endpoint_lines import (
    line_of,
    read_endpoint_lines,
    write_endpoint_lines,
)
from tests.inference.tables.builders import BAD, EMPTY, FULL, ROWS


def test_a_line_is_an_answer_with_the_name_of_the_picture():
    content = json.loads(line_of(FULL))
    assert (content["file"], content["width"], content["height"]) == ("a/ä b.jpg", 60, 40)
    assert content["prediction"] == [
        pytest.approx([1, 0.75, 6.25 / 60, 0.2, 30.5 / 60, 0.5]),
        pytest.approx([0, 0.5, 0, 0, 1 / 60, 1 / 40]),
    ]
    assert all(isinstance(value, float) for row in content["prediction"] for value in row)
    assert json.loads(line_of(EMPTY))["prediction"] == []
    assert json.loads(line_of(BAD)) == {"file": BAD.file, "error": BAD.error}


def test_what_is_written_is_read(tmp_path):
    write_endpoint_lines(tmp_path / "t.jsonl", ROWS)
    full, empty, bad = read_endpoint_lines(tmp_path / "t.jsonl")
    assert (empty, bad) == (EMPTY, BAD)
    assert (full.file, full.labels, full.scores) == (FULL.file, FULL.labels, FULL.scores)
    assert full.names == ("class 1", "class 0")
    for read, written in zip(full.boxes_px, FULL.boxes_px, strict=True):
        assert read == pytest.approx(written, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"file": "a"', "line 1 is not valid JSON"),
        ('{"file": "a"}\n', "line 1: it is no answer for a picture"),
        ("[]\n", "line 1: it is no answer"),
        ('{"file": "a", "error": 5}', "line 1: it is no answer"),
        ('{"file": "a", "width": -1, "height": 2, "prediction": []}', "line 1: it is no answer"),
        ('{"file": "a", "width": 1, "height": 2, "prediction": [[1]]}', "line 1: it is no answer"),
        (
            '{"file": "a", "width": 1, "height": 2, "prediction": [[1, 2, 3, 4, 5, "6"]]}',
            "line 1: it is no answer",
        ),
    ],
    ids=["cut", "keys", "list", "error", "width", "row", "number"],
)
def test_other_files_are_told_apart(tmp_path, text, said):
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(ValueError, match=said):
        list(read_endpoint_lines(tmp_path / "t.jsonl"))
