"""Lines of JSON are written as a whole, and a line that is none is named."""

from __future__ import annotations

import pytest

from gluon_ssd.inference.tables.line_file import read_values, write_lines


def test_what_is_written_is_read(tmp_path):
    write_lines(tmp_path / "a", ['{"b": 1}', "[2]"])
    assert list(read_values(tmp_path / "a")) == [("line 1", {"b": 1}), ("line 2", [2])]


def test_a_line_that_is_no_json_is_named(tmp_path):
    (tmp_path / "a").write_text('{"b": 1}\n{"b"\n')
    with pytest.raises(ValueError, match="line 2"):
        list(read_values(tmp_path / "a"))


def test_an_interrupted_writing_leaves_the_earlier_file(tmp_path):
    def lines():
        yield "1"
        raise KeyboardInterrupt

    write_lines(tmp_path / "a", ["0"])
    with pytest.raises(KeyboardInterrupt):
        write_lines(tmp_path / "a", lines())
    assert (tmp_path / "a").read_text() == "0\n" and len(list(tmp_path.iterdir())) == 1
