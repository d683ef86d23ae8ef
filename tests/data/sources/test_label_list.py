from __future__ import annotations

import pytest

from gluon_ssd.data.sources.label_list import read_label_list
from gluon_ssd.errors import DataError

LABEL = "2\t5\t1\t0.1\t0.2\t0.5\t0.9"


def read(tmp_path, text, tolerant=False):
    (tmp_path / "a.lst").write_text(text)
    return read_label_list(tmp_path / "a.lst", tolerant=tolerant)


def test_lines(tmp_path):
    first, second = read(tmp_path, f"7\t{LABEL}\tb c/d.jpg\r\n\n3.0\t2\t5\tx.jpg\n")
    assert (first.number, first.path, first.where) == (7, "b c/d.jpg", f"{tmp_path}/a.lst line 1")
    assert first.label.objects[0].class_id == 1
    assert (second.number, second.label.objects, second.where[-6:]) == (3, (), "line 3")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("7 2 5 a.jpg", "line 2 must be an index, label numbers and a path with tabs .*1 fields"),
        ("7\ta.jpg", "line 2 must be an index, .* it has 2 fields"),
        (f"x\t{LABEL}\ta.jpg", "line 2 has 'x' where a number"),
        (f"-1\t{LABEL}\ta.jpg", "line 2 has the index '-1'; write a whole number from 0"),
        (f"inf\t{LABEL}\ta.jpg", "line 2 has the index 'inf'"),
        (f"nan\t{LABEL}\ta.jpg", "line 2 has the index 'nan'"),
        (f"7\t{LABEL}\t ", "line 2 has no path of an image"),
        (f"0\t{LABEL}\tb.jpg", "line 2: the index 0 stands in .*a.lst line 1 already"),
        (f"7\t{LABEL}\t0.5\ta.jpg", "line 2 has no detection label: its 8 numbers begin with 2"),
        ("7\t2\t5\t1\t0.1\t0.2\tx\t0.9\ta.jpg", "line 2 has 'x' where a number"),
        ("7\t2\t5\t1\t0.1\t0.2\t1_0\t0.9\ta.jpg", "line 2 has '1_0' where a number"),
        ("7\t3\ta.jpg", "line 2 has one number as its label and no box"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, message):
    with pytest.raises(DataError, match=f"a.lst {message}"):
        read(tmp_path, f"0\t{LABEL}\ta.jpg\n{line}\n")


def test_broken_labels_may_be_counted(tmp_path):
    text = f"0\t{LABEL}\ta.jpg\n7\t{LABEL}\t0.5\tb.jpg\n8\t3\tc.jpg\n9\t2\tx\td.jpg\n"
    first, *rest = read(tmp_path, text, tolerant=True)
    assert first.problems == () and len(rest) == 3
    for number, entry in enumerate(rest, start=2):
        (problem,) = entry.problems
        assert (problem.reason, problem.file) == ("broken annotation", entry.where)
        assert entry.where.endswith(f"line {number}") and entry.label.objects == ()


def test_a_list_for_classification_is_refused_by_name(tmp_path):
    for tolerant in (False, True):
        with pytest.raises(DataError, match="a.lst is a list for classification: .*line 1 has one"):
            read(tmp_path, "0\t3\ta.jpg\n1\t4\tb.jpg\n", tolerant)
    with pytest.raises(DataError, match="a.lst lists no image"):
        read(tmp_path, "\n")
