"""One annotation file: what is read from it, and which field is named when it is wrong."""

from __future__ import annotations

import pytest

from gluon_ssd.data.dataset import RawObject
from gluon_ssd.data.sources.voc_xml import read_annotation
from gluon_ssd.errors import DataError
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
        (voc_xml([voc_object("dog", (1, 1, "inf", 2))]), r"<xmax> must be a number; got 'inf'$"),
        (voc_xml().replace("height", "tall"), r"a\.xml: <size> has no <height>; add the number$"),
    ],
    ids=["cut", "root", "name", "box", "text", "infinite", "size"],
)
def test_what_is_wrong_is_named(read, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read(content)
    assert "\n" not in str(caught.value)


def test_an_unknown_encoding_says_which_one_to_use(read):
    with pytest.raises(DataError, match=r"a\.xml is not valid XML: .*; save it as UTF-8$"):
        read('<?xml version="1.0" encoding="klingon"?><annotation/>')


def test_other_encodings_that_a_file_declares_are_read(read):
    header = '<?xml version="1.0" encoding="iso-8859-1"?>'
    _, (found,) = read(header + voc_xml([voc_object("Bär", (1, 1, 2, 2))]), "iso-8859-1")
    assert found.name == "Bär"


def test_a_missing_file_says_what_a_background_image_needs(tmp_path):
    with pytest.raises(DataError, match=r"cannot read the annotation .*none\.xml: No such file.*"):
        read_annotation(str(tmp_path / "none.xml"))
