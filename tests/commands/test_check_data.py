"""Which parts of a data set are checked."""

from __future__ import annotations

from gluon_ssd.commands.check_data import check_reports
from gluon_ssd.options.data_tools import CheckOptions
from tests.data.builders import coco_content, write_coco
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
