"""Folders of pictures and VOC's XML without lists, as custom data sets."""

from __future__ import annotations

import logging

import pytest

from gluon_ssd.data.check import check_dataset
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.data.sources.layouts import find_layout
from gluon_ssd.data.sources.xml_folder import is_xml_folder
from gluon_ssd.errors import DataError, OptionError
from tests.data.builders import HEIGHT, WIDTH, voc_object, voc_xml, write_image, write_voc
from tests.data.contract import assert_is_dataset

DOG = voc_xml([voc_object("dog", (11, 6, 51, 46))])
CAT = voc_xml([voc_object("cat", (2, 3, 10, 10), difficult="1")])
DOG_PX, CAT_PX = [10, 5, 50, 45], [1, 2, 9, 9]


def write(root, files):
    """Pictures, and texts of XML, by their paths."""
    for number, (name, text) in enumerate(files.items()):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            write_image(root / name, seed=number)
        else:
            (root / name).write_text(text)
    return root


def opened(root, **given):
    return open_dataset("custom", Selection(root, **{"train": True, **given}))


@pytest.mark.parametrize(
    ("first", "first_xml", "second", "second_xml"),
    [
        ("train/a.jpg", "train/a.xml", "valid/a.jpg", "valid/a.xml"),  # Roboflow
        (
            "images/train/a.jpg",
            "annotations/train/a.xml",
            "images/val/a.jpg",
            "annotations/val/a.xml",
        ),
        (
            "train/images/a.jpg",
            "train/annotations/a.xml",
            "test/images/a.jpg",
            "test/annotations/a.xml",
        ),
        ("train/a.png", "Annotations/train/a.xml", "val/a.png", "Annotations/val/a.xml"),
    ],
)
def test_splits_are_folders(tmp_path, first, first_xml, second, second_xml):
    write(tmp_path, {first: None, first_xml: DOG, second: None, second_xml: CAT})
    training, validation = opened(tmp_path), opened(tmp_path, train=False)
    for dataset, name, box in ((training, first, DOG_PX), (validation, second, CAT_PX)):
        assert_is_dataset(dataset)
        assert (len(dataset), dataset.image_id(0), dataset.classes) == (1, name, ("cat", "dog"))
        assert dataset.annotation(0).boxes_px.tolist() == [box]
        assert check_dataset(dataset).problems == ()
    assert validation.annotation(0).difficult.tolist() == [True]
    assert find_layout(tmp_path).name == "xml"


@pytest.mark.parametrize(
    ("pictures", "xml"),
    [
        (".", "."),  # labelImg
        ("images", "Annotations"),  # Label Studio
        ("data", "labels"),  # FiftyOne
        ("JPEGImages", "Annotations"),  # VOC without its lists
        ("images", "annotations/xmls"),
        ("images", "images"),
    ],
)
def test_a_folder_without_splits_is_one_set(tmp_path, pictures, xml):
    files = {f"{pictures}/{n}.jpg": None for n in "ab"} | {f"{xml}/{n}.xml": DOG for n in "ab"}
    write(tmp_path, files)
    for train in (True, False):
        dataset = opened(tmp_path, train=train)
        assert [dataset.annotation(i).boxes_px.tolist() for i in range(2)] == [[DOG_PX]] * 2


def test_a_list_says_which_pictures_are_meant(tmp_path):
    write(tmp_path, {"images/a.jpg": None, "images/b.jpg": None})
    write(tmp_path, {"annotations/a.xml": DOG, "annotations/b.xml": CAT})
    (tmp_path / "train.txt").write_text("images/a.jpg\nimages/a.jpg\n")
    (tmp_path / "val.txt").write_text("images/b.jpg\n")
    training = opened(tmp_path)
    assert [training.image_id(i) for i in range(2)] == ["images/a.jpg", "images/a.jpg#2"]
    assert opened(tmp_path, train=False).problems == ()


def test_files_without_partner_are_counted(tmp_path, caplog):
    write(tmp_path, {"a.jpg": None, "a.xml": DOG, "b.jpg": None, "c.xml": CAT, "._a.xml": "x"})
    with caplog.at_level(logging.WARNING):
        report = check_dataset(opened(tmp_path))
    assert report.counts == {"picture without annotation": 1, "annotation without picture": 1}
    assert (report.num_images, report.share_bad) == (1, 0)
    assert "1 pictures have no XML file and are left out; the first is" in caplog.text
    assert "1 XML files have no picture" in caplog.text


def test_pictures_without_xml_are_backgrounds_when_asked(tmp_path):
    write(tmp_path, {"a.jpg": None, "a.xml": DOG, "b.jpg": None})
    dataset = opened(tmp_path, unlabelled_is_background=True)
    assert [len(dataset.annotation(i).labels) for i in range(2)] == [1, 0]
    assert dataset.annotation(1).size_hw == (HEIGHT, WIDTH)
    assert check_dataset(dataset).problems == ()


def test_listed_pictures_without_xml_are_backgrounds_when_asked(tmp_path):
    write_voc(tmp_path, {"a": DOG, "b": DOG})
    (tmp_path / "Annotations/b.xml").unlink()
    with pytest.raises(DataError, match=r"cannot read the annotation .*b.xml: No such file"):
        opened(tmp_path)
    dataset = opened(tmp_path, unlabelled_is_background=True)
    assert [len(dataset.annotation(i).labels) for i in range(2)] == [1, 0]


def test_backgrounds_cannot_be_asked_of_a_layout_without_such_files(tmp_path):
    (tmp_path / "boxes.csv").write_text("path,bbox,class\n")
    with pytest.raises(OptionError, match="has the layout csv, in which no picture") as caught:
        opened(tmp_path, unlabelled_is_background=True)
    assert caught.value.settings == ("unlabelled",)


def test_the_xml_of_another_split_is_not_taken(tmp_path):
    write(
        tmp_path, {"train/a.jpg": None, "valid/a.xml": CAT, "train/b.jpg": None, "train/b.xml": DOG}
    )
    dataset = opened(tmp_path)
    assert [dataset.image_id(i) for i in range(len(dataset))] == ["train/b.jpg"]


def test_xml_of_gb2312_is_read(tmp_path):
    write(tmp_path, {"a.jpg": None})
    text = '<?xml version="1.0" encoding="gb2312"?>' + voc_xml([voc_object("猫", (11, 6, 51, 46))])
    (tmp_path / "a.xml").write_bytes(text.encode("gb2312"))
    assert opened(tmp_path).classes == ("猫",)


def test_broken_xml_stops_and_is_counted_when_tolerated(tmp_path):
    write(tmp_path, {"a.jpg": None, "a.xml": DOG, "b.jpg": None, "b.xml": DOG[:-9]})
    with pytest.raises(DataError, match="b.xml is not valid XML"):
        opened(tmp_path)
    assert check_dataset(opened(tmp_path, tolerant=True)).counts == {"broken annotation": 1}


def test_pictures_that_none_of_the_files_belongs_to(tmp_path):
    write(tmp_path, {"a.jpg": None, "b.xml": DOG})
    with pytest.raises(DataError, match="none of the pictures in .* has an XML file of its name"):
        opened(tmp_path)


def test_what_is_no_such_folder(tmp_path):
    write(tmp_path, {"a.jpg": None, "pom.xml": "<project><annotations/></project>"})
    assert not is_xml_folder(tmp_path) and not is_xml_folder(tmp_path / "pom.xml")
    write_voc(tmp_path / "VOC2007", {"a": DOG})
    write(tmp_path, {"a.xml": DOG})
    assert not is_xml_folder(tmp_path)  # it has VOC's lists, which say what is meant
