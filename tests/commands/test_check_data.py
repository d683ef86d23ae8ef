"""Which parts of a data set are checked."""

from __future__ import annotations

import pytest

from gluon_ssd.commands.check_data import check_reports
from gluon_ssd.commands.wiring.data import evaluation_set, training_data
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.options.data_tools import CheckOptions
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.options.train_data import TrainDataOptions
from tests.data.builders import coco_content, voc_object, voc_xml, write_coco, write_voc
from tests.data.photos import UPRIGHT_HW, photo
from tests.entry_builders import voc_set


def test_both_usual_parts_are_checked_or_the_one_that_is_named(tmp_path):
    root = str(voc_set(tmp_path / "set", num_train=5, num_val=3))
    options = CheckOptions(dataset="custom", dataset_root=root)
    assert [report.num_images for report in check_reports(options)] == [5, 3]
    options = CheckOptions(dataset="custom", dataset_root=root, splits="val")
    assert [report.num_images for report in check_reports(options)] == [3]


def test_check_looks_at_coco_images_without_boxes_and_takes_classes(tmp_path):
    record = {"image_id": 1, "bbox": [1, 1, 9, 9], "category_id": 1}
    write_coco(tmp_path, "val2017", coco_content((1, 2), [record], {1: "dog", 2: "cat"}))
    (tmp_path / "classes.txt").write_text("cat\n")
    options = CheckOptions(
        dataset="coco",
        dataset_root=str(tmp_path),
        splits="val2017",
        classes=str(tmp_path / "classes.txt"),
    )
    (report,) = check_reports(options)
    assert (report.num_images, report.counts) == (2, {"other class": 1})
    assert report.share_bad == 0  # they are left out by wish


@pytest.mark.parametrize("exif", ["apply", "ignore"])
def test_the_check_and_training_turn_the_same_photos(tmp_path, exif):
    text = voc_xml([voc_object("dog", (11, 6, 51, 46))], UPRIGHT_HW)
    write_voc(tmp_path, {"a": text, "b": text, "c": text}, {"train": "abc", "val": "ab"})
    photo(tmp_path / "JPEGImages/a.jpg", 3)
    photo(tmp_path / "JPEGImages/b.jpg", 6)
    place = {"dataset": "custom", "dataset_root": str(tmp_path), "exif": exif}
    is_applied = exif == "apply"
    for report in check_reports(CheckOptions(**place)):
        assert report.counts["EXIF orientation applied"] == 1 + is_applied
        assert report.unusable == ()
    options, facts = TrainDataOptions(**place), DetectorFacts()
    facts.record = ModelRecord("any", ("dog",), (300, 300))
    facts.num_classes = 1
    data = training_data(TrainCommand(data=options))
    for dataset in (data.train, data.val, evaluation_set(options, facts)):
        assert [dataset.orientation(i) for i in (0, 1)] == [3 if is_applied else 1, 6]
