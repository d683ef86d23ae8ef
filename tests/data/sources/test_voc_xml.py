"""One annotation file: what is read from it, and which field is named when it is wrong."""

from __future__ import annotations

import time

import pytest

from gluon_ssd.data.dataset import RawObject
from gluon_ssd.data.sources.voc_xml import read_annotation
from gluon_ssd.errors import DataError
from gluon_ssd.system.text_file import MOST_TEXT_BYTES
from tests.data.builders import voc_object, voc_xml


@pytest.fixture
def read(tmp_path):
    def read(content, encoding="utf-8"):
        (tmp_path / "a.xml").write_bytes(content.encode(encoding))
        return read_annotation(str(tmp_path / "a.xml"))

    return read


def test_corners_count_from_zero_and_keep_their_order(read):
    objects = [voc_object("dog", (11, 6, 50, 45)), voc_object(" cat ", ("1.5", 1, 2, 3))]
    size, found = read(voc_xml(objects, (60, 80)))
    assert size == (60, 80)
    assert found == [
        RawObject("dog", (10, 5, 49, 44), difficult=False),
        RawObject("cat", (0.5, 0, 1, 2), difficult=False),
    ]


@pytest.mark.parametrize(
    ("flag", "difficult"), [("1", True), (" 2 ", True), ("0", False), ("-1", False), ("", False)]
)
def test_difficult_is_a_number_above_zero(read, flag, difficult):
    _, (found,) = read(voc_xml([voc_object("dog", (1, 1, 2, 2), difficult=flag)]))
    assert found.difficult is difficult


@pytest.mark.parametrize("size_hw", [None, (0, 80), (60, 0), (-1, -1)])
def test_a_size_that_is_missing_or_nothing_is_unknown(read, size_hw):
    assert read(voc_xml([], size_hw)) == (None, [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<annotation><size>", r"a\.xml is not valid XML: .*; the file is damaged or cut off"),
        ("<list/>", r"a\.xml is no VOC annotation: it starts with <list>$"),
        (voc_xml(["<object><name> </name></object>"]), r"a\.xml: object 1 has no <name>; add its"),
        (
            voc_xml([voc_object("dog", (1, 1, 2, 2)), "<object><name>cat</name></object>"]),
            r"a\.xml: object 2 has no <bndbox>; add its box",
        ),
        (voc_xml([voc_object("dog", (1, "x", 2, 2))]), r"object 1: <ymin> must be a .* got 'x'$"),
        (
            voc_xml([voc_object("dog", (1, 1, "inf", 2))]),
            r"<xmax> must be a number of at most 1e\+09; got 'inf'$",
        ),
        (voc_xml().replace("height", "tall"), r"a\.xml: <size> has no <height>; add the number$"),
    ],
    ids=["cut", "root", "name", "box", "text", "infinite", "size"],
)
def test_what_is_wrong_is_named(read, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read(content)
    assert "\n" not in str(caught.value)


BOX = (11, 6, 50, 45)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            ">11<",
            f">{'1' * 5000}<",
            r"<xmin> must be a number of at most 1e\+09; got '1{60}'\.\.\. ",
        ),
        (">11<", ">1e308<", r"object 1: <xmin> must be .*; got '1e308'$"),
        (">11<", ">1_1<", r"<xmin> must be .* got '1_1'$"),
        (">11<", ">１１<", r"<xmin> must be .* got '１１'$"),
        (">11<", ">1&#10;1<", r"<xmin> must be .* got '1\\n1'$"),
        (">80<", ">1e308<", r"<size>: <width> must be .* got '1e308'$"),
        (">80<", ">inf<", r"<width> must be .* got 'inf'$"),
        (">80<", ">nan<", r"<width> must be .* got 'nan'$"),
        ("<size>", "<size><width>8</width><height>9</height></size><size>", "2 different <size>"),
        ("<bndbox>", "<bndbox/><bndbox>", r"object 1 has 2 <bndbox>; write an object for each$"),
        (">dog<", f">{'d' * 201}<", r"<name> is 'd{60}'\.\.\. \(201 characters\); at most 200"),
        ("annotation>", f"{'a' * 300}>", r"it starts with <a{60}>$"),
    ],
)
def test_values_out_of_all_range_are_named_in_short(read, old, new, message):
    with pytest.raises(DataError, match=message) as caught:
        read(voc_xml([voc_object("dog", BOX)], (60, 80)).replace(old, new))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<difficult>0<", "<difficult>²<"),
        ("<difficult>0<", f"<difficult>{'0' * 5000}<"),
        ("<size>", "<size><width>80</width><height>60</height></size><size>"),
        ("<size>", "<size><width>0</width><height>0</height></size><size>"),
        ("<annotation>", "<!DOCTYPE annotation><annotation verified='no'>"),
    ],
    ids=["power", "zeros", "size twice", "size once", "document type"],
)
def test_odd_but_harmless_parts_change_nothing(read, old, new):
    text = voc_xml([voc_object("dog", BOX)], (60, 80))
    assert old in text
    assert read(text.replace(old, new)) == ((60, 80), [RawObject("dog", (10, 5, 49, 44))])


def test_a_name_that_is_broken_over_lines_is_one_name(read):
    _, (found,) = read(voc_xml([voc_object("traffic\r\n\t  light", BOX)]))
    assert found.name == "traffic light"


@pytest.mark.parametrize("boxes", [[(0.1, 0.2, 0.6, 0.9)], [(0, 0, 1, 1), (0.25, 0, 1, 1)]])
def test_corners_that_are_fractions_are_called_so(read, boxes):
    text = voc_xml([voc_object("dog", box) for box in boxes[-1:]])
    with pytest.raises(DataError, match=r"a\.xml: the corners .* fractions .*; VOC counts pixels"):
        read(text)
    # One of several is a wrong box as others are, and counted where boxes are cleaned.
    assert len(read(voc_xml([voc_object("dog", BOX), voc_object("dog", boxes[0])]))[1]) == 2


def test_large_files_take_seconds(read):
    start = time.perf_counter()
    _, found = read(voc_xml([voc_object("dog", BOX)] * 90_000))
    assert len(found) == 90_000
    with pytest.raises(DataError, match=r"<ymax> must be .* \(12000000 characters\)$"):
        read(voc_xml([voc_object("dog", (1, 1, 9, "9" * 12_000_000))]))
    with pytest.raises(DataError, match=r"object 1 has no <name>"):
        read("<annotation>" + "<object>" * 100_000 + "</object>" * 100_000 + "</annotation>")
    assert time.perf_counter() - start < 30


def test_a_file_beyond_the_limit_is_not_read(tmp_path):
    with open(tmp_path / "a.xml", "wb") as file:
        file.truncate(MOST_TEXT_BYTES + 1)
    with pytest.raises(DataError, match=r"cannot read the annotation .*a\.xml: it has 67108865 "):
        read_annotation(str(tmp_path / "a.xml"))


def test_an_unknown_encoding_says_which_one_to_use(read):
    with pytest.raises(DataError, match=r"a\.xml is not valid XML: .*; save it as UTF-8$"):
        read('<?xml version="1.0" encoding="klingon"?><annotation/>')


def test_other_encodings_that_a_file_declares_are_read(read):
    for name, encoding in (("Bär", "iso-8859-1"), ("汽车", "gb2312")):
        header = f'<?xml version="1.0" encoding="{encoding}"?>'
        _, (found,) = read(header + voc_xml([voc_object(name, (1, 1, 2, 2))]), encoding)
        assert found.name == name


def test_a_missing_file_says_what_a_background_image_needs(tmp_path):
    with pytest.raises(DataError, match=r"cannot read the annotation .*none\.xml: No such file.*"):
        read_annotation(str(tmp_path / "none.xml"))
