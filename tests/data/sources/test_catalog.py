from __future__ import annotations

import os

import pytest

from gluon_ssd.data.class_names import COCO_CLASSES, VOC_CLASSES
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.catalog import SOURCES, open_dataset
from gluon_ssd.errors import DataError
from gluon_ssd.options.shared import DATASETS
from tests.data.builders import coco_content, voc_object, voc_xml, write_coco, write_voc


def test_options_offer_exactly_the_kinds_that_can_be_opened():
    assert list(SOURCES) == list(DATASETS)


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    with pytest.raises(
        DataError, match=f"cannot read {tmp_path}: Permission denied; make the data"
    ):
        open_dataset("custom", Selection(tmp_path, train=True))


def test_open_dataset_voc_defaults(tmp_path):
    horse = voc_xml([voc_object("horse", (1, 1, 9, 9))])
    write_voc(tmp_path / "VOC2007", {"a": horse, "b": horse}, {"trainval": ["a"], "test": ["b"]})
    write_voc(tmp_path / "VOC2012", {"c": horse}, {"trainval": ["c"]})
    training = open_dataset("voc", Selection(tmp_path, train=True))
    assert [training.image_id(i) for i in range(2)] == ["a", "c"]
    assert training.classes == VOC_CLASSES
    assert open_dataset("voc", Selection(tmp_path, train=False)).image_id(0) == "b"
    named = open_dataset(
        "voc", Selection(tmp_path, train=True, splits="2007_test", classes=("horse",))
    )
    assert (named.image_id(0), named.classes) == ("b", ("horse",))


def test_open_dataset_coco_defaults(tmp_path):
    crowd = {"image_id": 2, "bbox": [1, 1, 9, 9], "category_id": 1, "iscrowd": 1}
    content = coco_content((1, 2), [crowd], {1: "person"})
    for split in ("train2017", "val2017"):
        write_coco(tmp_path / "coco", split, content)
    training = open_dataset("coco", Selection(tmp_path, train=True))
    assert ([training.image_id(0)], len(training)) == ([2], 1)
    assert training.classes == COCO_CLASSES
    assert len(open_dataset("coco", Selection(tmp_path, train=True, keep_empty=True))) == 2
    assert len(open_dataset("coco", Selection(tmp_path, train=False))) == 2
    with pytest.raises(DataError, match="no image with a box"):
        open_dataset("coco", Selection(tmp_path, train=True, use_crowd=False))
    validation = open_dataset("coco", Selection(tmp_path, train=False, use_crowd=False))
    assert validation.annotation(1).crowd.tolist() == [True]


def pipe(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def link_to_nothing(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(path.parent / "moved away")


@pytest.mark.parametrize(
    ("put", "reason"),
    [(pipe, "it is a pipe, not a file"), (link_to_nothing, "No such file or directory")],
)
@pytest.mark.parametrize(
    ("kind", "name", "splits"),
    [
        ("custom", "", ""),
        ("voc", "", ""),
        ("custom", "voc/ImageSets/Main/val.txt", "val"),
        ("custom", "voc/ImageSets/Main/val.txt", ""),
        ("custom", "voc/classes.txt", ""),
        ("custom", "json/val.json", "val"),
        ("custom", "json/annotations/instances_val.json", ""),
        ("coco", "annotations/instances_val2017.json", ""),
        ("custom", "rec/val.rec", ""),
        ("custom", "lst/val.lst", "val"),
        ("custom", "csv/val.csv", ""),
        ("custom", "yolo/data.yaml", ""),
        ("openimages", "openimages/validation/labels/openimages-mlperf.json", ""),
    ],
)
def test_what_is_no_file_is_named_and_not_passed_over(tmp_path, kind, name, splits, put, reason):
    text = voc_xml([voc_object("cat", (1, 1, 9, 9))])
    write_voc(tmp_path / "voc", {"a": text}, {"val": ["a"], "test": ["a"]})
    (tmp_path / "json/annotations").mkdir(parents=True)
    root = tmp_path / name.partition("/")[0] if kind == "custom" and name else tmp_path
    if not name:
        root = tmp_path / "root"
    put(tmp_path / (name or "root"))
    with pytest.raises(DataError, match=reason) as caught:
        open_dataset(kind, Selection(root, train=False, splits=splits))
    assert str(tmp_path / (name or "root")) in str(caught.value)
