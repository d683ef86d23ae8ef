"""run.json is read with care: it may be of another program, or changed."""

from __future__ import annotations

import json

import pytest

from gluon_ssd.errors import DataError
from gluon_ssd.report.run_record import read_run_record, write_run_record

RECORD = {
    "state": "finished",
    "options": {"lr": 0.5, "classes": None, "sizes": [1, 2], "amp": False},
    "best": {"epoch": 3, "score": 0.5},
    "parts": [],
    "seconds": 1.5,
}


def test_a_record_comes_back_and_has_no_nan(tmp_path):
    path = tmp_path / "run.json"
    write_run_record(path, {**RECORD, "more": float("nan")})
    assert read_run_record(path) == {
        "format": "gluon_ssd run",
        "version": 1,
        **RECORD,
        "more": None,
    }
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, 'no "format": "gluon_ssd run"'),
        ({"version": 2}, "its version is 2, this program reads 1"),
        ({"state": "gone"}, "its state is 'gone', and not one of running, finished, "),
        ({"options": [1]}, '"options" are no names with values'),
        ({"options": {"lr": {"a": 1}}}, '"options" are no names with values'),
        ({"options": {"lr": 1e99}}, '"options" are no names with values'),
        ({"best": {"epoch": 1}}, '"best" has no score and epoch'),
        ({"best": {"epoch": 1.5, "score": 0.5}}, '"best" has no score and epoch'),
        ({"seconds": "3"}, '"seconds" is no number'),
        ({"parts": [3]}, '"parts" are no list of parts'),
    ],
)
def test_what_is_no_record_is_one_line(tmp_path, changes, message):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"format": "gluon_ssd run", "version": 1, **RECORD, **changes}))
    with pytest.raises(DataError, match=message) as caught:
        read_run_record(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_no_file_and_no_json_are_told(tmp_path):
    with pytest.raises(DataError, match="cannot read the record of a run .*none: No such file"):
        read_run_record(tmp_path / "none")
    (tmp_path / "cut").write_text('{"format": ')
    with pytest.raises(DataError, match="cut is not valid JSON"):
        read_run_record(tmp_path / "cut")
