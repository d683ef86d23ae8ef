"""Label files of YOLO: their lines, and what is said of broken ones."""

from __future__ import annotations

import pytest

from gluon_ssd.data.sources.yolo_txt import YoloObject, read_yolo_labels
from gluon_ssd.errors import DataError


def read(folder, text):
    path = folder / "a.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_yolo_labels(str(path))


def test_boxes_polygons_and_blank_lines(tmp_path):
    found = read(tmp_path, "0 0.5 0.5 0.2 0.4\r\n\r\n2.0 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6\r\n")
    assert found[0].class_id == 0 and found[0].box == pytest.approx((0.4, 0.3, 0.6, 0.7))
    assert found[1] == YoloObject(3, 2, (0.1, 0.2, 0.3, 0.6), True)
    assert read(tmp_path, "1 0.1 0.2 0.3 0.2 0.2 0.9")[0].box == (0.1, 0.2, 0.3, 0.9)
    assert read(tmp_path, "") == read(tmp_path, " \n\n") == []


def test_a_box_may_reach_over_the_edge_by_rounding(tmp_path):
    assert read(tmp_path, "0 0.5 0.5 1.000001 1")[0].box[2] > 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 0.5 0.5 0.2 0.2 0.93", r"line 1 has 6 numbers; .* confidence of a detector's find"),
        ("\n0 0.5 0.5 0.2", r"line 2 has 4 numbers; a box has 5"),
        ("0 " + "0.5 " * 7, r"line 1 has 8 numbers; .* got '0 0.5"),
        ("cat 0.5 0.5 0.2 0.2", r"line 1 must begin with the number of a class.* got 'cat'"),
        ("-1 0.5 0.5 0.2 0.2", r"must begin with the number of a class"),
        ("0.5 0.5 0.5 0.2 0.2", r"must begin with the number of a class"),
        ("nan 0.5 0.5 0.2 0.2", r"must begin with the number of a class"),
        ("9999999999 0.5 0.5 0.2 0.2", r"must begin with the number of a class"),
        ("0 nan 0.5 0.2 0.2", r"line 1 must hold finite numbers; got 'nan'"),
        ("0 inf 0.5 0.2 0.2", r"must hold finite numbers; got 'inf'"),
        ("0 0,5 0.5 0.2 0.2", r"must hold finite numbers; got '0,5'"),
        ("0 0.5 1_0 0.2 0.2", r"must hold finite numbers; got '1_0'"),
        ("0 0.5 0.5 0.2 0.2\n1 320 240 50 60", r"line 2 holds 320.0, which looks like pixels"),
        ("0 -0.5 0.5 0.2 0.2", r"line 1 holds -0.5; YOLO's numbers are fractions"),
        (b"0 0.5 0.5 0.2 0.2 \xff", r"a.txt: it is not UTF-8 text \(line 1\)"),
        (b"0 0.5 0.5 0.2 0.2\0", r"a.txt: it is no text"),
        ("0 " + "0.5 " * 100_001, r"line 1 has more than 100000 numbers"),
        ("0 .5 .5 .2 .2\n" * 100_001, r"a.txt has more than 100000 objects"),
    ],
    ids=lambda value: value[:12].strip() if isinstance(value, str) else "bytes",
)
def test_broken_lines_are_named(tmp_path, text, said):
    with pytest.raises(DataError, match=said) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "a.txt") in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"cannot read the label file .*none.txt: No such file"):
        read_yolo_labels(str(tmp_path / "none.txt"))
