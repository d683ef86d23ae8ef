"""Comparing what was written with its source."""

from __future__ import annotations

import re

import pytest

from gluon_ssd.data.convert.job import Job
from gluon_ssd.data.convert.proof import Difference, compare
from gluon_ssd.data.convert.targets import TARGETS
from gluon_ssd.errors import DataError
from tests.data.convert.builders import annotation, part

BOXES = [(0, 0, 10, 20), (33, 7, 79, 59)]


@pytest.fixture
def written(tmp_path):
    own = part(tmp_path / "in", {"a.jpg": annotation(BOXES, [0, 1], difficult=[0])})
    (tmp_path / "out").mkdir()
    job = Job(tmp_path / "out", own.classes)
    TARGETS["voc"].write(job, [own])
    return job, own, tmp_path / "out/Annotations/a.xml"


def change(file, pattern, text):
    before = file.read_text("utf-8")
    after = re.sub(pattern, text, before, count=1, flags=re.DOTALL)
    assert after != before
    file.write_text(after, encoding="utf-8")


def test_the_same_boxes(written):
    job, own, _ = written
    difference = compare(job, TARGETS["voc"], [own])
    assert difference == Difference(boxes=2)
    assert list(difference.lines()) == ["read back: all 2 boxes are the same to the last bit"]


def test_boxes_that_moved(written):
    job, own, file = written
    change(file, "<xmax>80</xmax>", "<xmax>79.5</xmax>")
    difference = compare(job, TARGETS["voc"], [own])
    assert difference == Difference(boxes=2, moved=1, largest_px=0.5)
    assert list(difference.lines()) == [
        "read back: 1 of 2 boxes are not the same to the last bit, by 0.5 pixels at most"
    ]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("<name>cat</name>", "<name>dog</name>"),
        ("<difficult>1</difficult>", "<difficult>0</difficult>"),
        ("\t<object>.*?</object>", ""),
    ],
    ids=["class", "flag", "number"],
)
def test_objects_that_are_others(written, pattern, text):
    job, own, file = written
    change(file, pattern, text)
    difference = compare(job, TARGETS["voc"], [own])
    assert (difference.boxes, difference.others) == (0, 1)
    path = own.dataset.image_path(0)
    expected = [f"read back: 1 images have other objects, the first is {path}"]
    assert list(difference.lines()) == expected


def test_a_target_that_cannot_be_opened_is_an_error(written):
    job, own, file = written
    file.unlink()
    with pytest.raises(DataError, match="a.xml"):
        compare(job, TARGETS["voc"], [own])
