"""COCO JSON as other tools leave it, without renaming."""

from __future__ import annotations

import json
import logging

import pytest

from gluon_ssd.data.check import check_dataset
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.data.sources.coco_folder import is_coco
from gluon_ssd.data.sources.layouts import find_layout
from gluon_ssd.errors import DataError, OptionError
from tests.data.builders import coco_content, write_image
from tests.data.contract import assert_is_dataset

RECORD = {"image_id": 1, "bbox": [10, 5, 21, 31], "category_id": 3}
BOX = [10, 5, 30, 35]


def write(root, file, picture, name=None, **changes):
    """A file with one image that it calls `name`, and the picture where it is."""
    content = coco_content((1,), [RECORD], {3: "bee"})
    content["images"][0]["file_name"] = name or picture
    content.update(changes)
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(json.dumps(content))
    write_image(root / picture)
    return root


def opened(root, **given):
    return open_dataset("custom", Selection(root, **{"train": True, **given}))


@pytest.mark.parametrize(
    ("file", "picture", "name"),
    [
        ("result.json", "images/8f9a-a.jpg", "images/8f9a-a.jpg"),  # Label Studio
        ("result.json", "images/8f9a-a.jpg", "images\\8f9a-a.jpg"),
        ("result.json", "images/a.jpg", "../../label-studio/media/upload/1/a.jpg"),
        ("result.json", "images/a b.jpg", "/data/local-files/?d=photos/a%20b.jpg"),
        ("labels.json", "data/a.jpg", "a.jpg"),  # FiftyOne
        ("dataset.json", "a.jpg", "/old/me/labelme/a.jpg"),  # labelme2coco
        ("annotations.json", "JPEGImages/a.jpg", "JPEGImages/a.jpg"),
        ("annotations/all.json", "pictures/a.jpg", "C:\\work\\pictures\\a.jpg"),
        ("annotations/all.json", "images/a.jpg", "https://host/bucket/a.jpg?key=1"),
    ],
)
def test_exports_are_opened_without_renaming(tmp_path, file, picture, name, caplog):
    write(tmp_path, file, picture, name)
    (tmp_path / "package.json").write_text('{"name": "not a data set"}')
    assert find_layout(tmp_path).name == "coco"
    with caplog.at_level(logging.WARNING):
        for root in (tmp_path, tmp_path / file):
            dataset = opened(root)
            assert_is_dataset(dataset)
            assert dataset.image_path(0) == str(tmp_path / picture)
            assert dataset.annotation(0).boxes_px.tolist() == [BOX]
            assert check_dataset(dataset).problems == ()
    is_moved = name.startswith(("/", "C:", "..", "https")) or "\\" in name
    assert ("names of another place" in caplog.text) is is_moved


def test_two_json_files_of_any_names(tmp_path):
    write(tmp_path, "ann/one.json", "images/a.jpg", "a.jpg")
    write(tmp_path, "ann/two.json", "images/b.jpg", "b.jpg")
    assert opened(tmp_path, layout="coco", splits="ann/one.json").image_path(0).endswith("a.jpg")
    training = opened(tmp_path / "ann/one.json")
    validation = opened(tmp_path / "ann/one.json", train=False, splits="two.json")
    assert [each.image_path(0)[-5:] for each in (training, validation)] == ["a.jpg", "b.jpg"]
    far = str(tmp_path / "ann/two.json")
    assert opened(tmp_path / "ann/one.json", splits=far).image_path(0).endswith("b.jpg")
    with pytest.raises(DataError, match="there is no file .*three.json; name an annotation file"):
        opened(tmp_path / "ann/one.json", splits="three.json")
    with pytest.raises(OptionError, match="is one file and has no split 'val'"):
        opened(tmp_path / "ann/one.json", splits="val")


def test_several_files_that_are_no_usual_splits_are_listed(tmp_path):
    write(tmp_path, "one.json", "a.jpg")
    write(tmp_path, "two.json", "b.jpg")
    with pytest.raises(DataError, match=r"no split train2017 or train .*; it has one, two; name"):
        opened(tmp_path)
    assert opened(tmp_path, splits="two").image_path(0).endswith("b.jpg")


def test_the_only_file_of_another_use_is_no_whole_set(tmp_path):
    write(tmp_path, "instances_train.json", "a.jpg")
    assert len(opened(tmp_path)) == 1
    with pytest.raises(DataError, match="no split val2017 or val or valid or test .* it has train"):
        opened(tmp_path, train=False)


def test_a_picture_that_lies_outside_needs_its_folder_named(tmp_path):
    write(tmp_path / "set", "result.json", "../far/a.jpg", "/old/a.jpg")
    with pytest.raises(DataError, match=r"the picture '/old/a.jpg' of image 1 lies outside the da"):
        opened(tmp_path / "set")
    dataset = opened(tmp_path / "set", image_root=str(tmp_path / "far"))
    assert dataset.image_path(0) == str(tmp_path / "far/a.jpg")


def test_a_windows_name_of_a_missing_picture_is_counted(tmp_path):
    write(tmp_path, "result.json", "images/a.jpg", "C:\\old\\b.jpg")
    assert check_dataset(opened(tmp_path)).counts == {"missing image": 1}


def test_ids_that_are_texts(tmp_path):
    record = {**RECORD, "id": "r", "area": 1, "iscrowd": 0, "image_id": "first"}
    images = [{"id": "first", "file_name": "a.jpg", "height": 60, "width": 80}]
    write(tmp_path, "result.json", "a.jpg", images=images, annotations=[record])
    dataset = opened(tmp_path)
    assert (dataset.image_id(0), dataset.annotation(0).boxes_px.tolist()) == ("first", [BOX])


def test_lists_of_pictures_without_annotations(tmp_path, caplog):
    file = "annotations/image_info_test-dev2017.json"
    root = write(tmp_path, file, "test-dev2017/a.jpg", "a.jpg")
    content = json.loads((root / file).read_text())
    del content["annotations"]
    (root / file).write_text(json.dumps(content))
    with caplog.at_level(logging.WARNING):
        dataset = opened(root, train=False, splits="test-dev2017")
    assert (len(dataset), len(dataset.annotation(0).labels)) == (1, 0)
    assert not dataset.coco_file.is_scored
    assert "what is found in them is written to a result file, and is not scored" in caplog.text
    (root / "result.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="result.json is no COCO .* it has no list 'annotations'"):
        opened(root / "result.json")


def test_names_of_classes_beside_labels_are_no_coco(tmp_path):
    (tmp_path / "notes.json").write_text('{"categories": [{"id": 0, "name": "cat"}]}')
    assert not is_coco(tmp_path)
    (tmp_path / "long.json").write_text('{"info": "' + "x" * 5000 + '", "images": []}')
    assert is_coco(tmp_path)
