from __future__ import annotations

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
