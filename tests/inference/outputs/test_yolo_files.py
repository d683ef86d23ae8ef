"""Label files of YOLO."""

from __future__ import annotations

from gluon_ssd.inference.outputs.yolo_files import YoloFiles, yolo_lines
from tests.inference.outputs.builders import seen


def test_a_line_for_each_box_that_has_an_extent():
    found = seen([0, 1, 0], [[0, 0, 60, 40], [15, 10, 30, 20], [5, 5, 5, 9]]).found
    assert yolo_lines(found) == (
        "0 0.500000 0.500000 1.000000 1.000000\n1 0.375000 0.375000 0.250000 0.250000\n"
    )


def test_a_picture_without_objects_has_an_empty_file(tmp_path):
    with YoloFiles(tmp_path / "new", ["cat", "two\nlines"]) as files:
        files.add(seen([], [], label="sub/a"))
    assert (tmp_path / "new/labels/sub/a.txt").read_text() == ""
    assert (tmp_path / "new/classes.txt").read_text() == "cat\ntwo lines\n"


def test_classes_without_names_have_lines_too(tmp_path):
    with YoloFiles(tmp_path, ["cat"]) as files:
        assert (tmp_path / "classes.txt").read_text() == "cat\n"
        files.add(seen([3, 1], [[0, 0, 60, 40], [15, 10, 30, 20]]))
        assert (tmp_path / "classes.txt").read_text() == "cat\nclass 1\nclass 2\nclass 3\n"
