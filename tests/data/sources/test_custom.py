from __future__ import annotations

import shutil

import pytest

from gluon_ssd.data.class_names import COCO_CLASSES
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.data.sources.coco import CocoDataset
from gluon_ssd.data.sources.custom import open_custom
from gluon_ssd.data.sources.voc import VocDataset
from gluon_ssd.errors import DataError, OptionError
from tests.data.builders import coco_content, voc_object, voc_xml, write_coco, write_voc
from tests.data.contract import assert_is_dataset

CELLS = {
    "a": voc_xml([voc_object("WBC", (1, 1, 9, 9)), voc_object("RBC", (5, 5, 30, 30))]),
    "b": voc_xml(),
    "c": voc_xml([voc_object("Platelets", (1, 1, 9, 9))]),
}
TOYS = coco_content(
    (1, 2), [{"image_id": 1, "bbox": [1, 1, 9, 9], "category_id": 3}], {7: "ant", 3: "bee"}
)


@pytest.mark.parametrize("below", ["VOC2007", ".", "VOCdevkit/cells", "voc/cells"])
def test_voc_layout_is_recognised(tmp_path, below):
    write_voc(tmp_path / below, CELLS, {"train": ["a", "b"], "val": ["c"], "test": ["a"]})
    training = open_custom(Selection(tmp_path, train=True))
    validation = open_custom(Selection(tmp_path, train=False))
    for dataset in (training, validation):
        assert_is_dataset(dataset)
        assert isinstance(dataset, VocDataset)
        assert (dataset.name, dataset.metric) == ("custom", "voc07")
        assert dataset.classes == ("Platelets", "RBC", "WBC")
    assert [training.image_id(i) for i in range(2)] == ["a", "b"]
    assert [validation.image_id(i) for i in range(len(validation))] == ["c"]


@pytest.mark.parametrize(
    ("splits", "train", "used"),
    [
        (("train", "trainval", "val", "test"), True, "train"),
        (("trainval", "test"), True, "trainval"),
        (("trainval", "test"), False, "test"),
    ],
)
def test_usual_voc_splits(tmp_path, splits, train, used):
    ids = dict(zip(splits, "abca", strict=False))
    write_voc(tmp_path, CELLS, {split: [stem] for split, stem in ids.items()})
    assert open_custom(Selection(tmp_path, train=train)).image_id(0) == ids[used]


def test_named_splits(tmp_path):
    write_voc(tmp_path / "VOC2007", CELLS, {"one": ["a"], "two": ["b", "c"]})
    assert len(open_custom(Selection(tmp_path, splits="VOC2007/one+VOC2007/two", train=True))) == 3
    assert len(open_custom(Selection(tmp_path, splits="two", train=True))) == 2
    expected = r"no split train or trainval in .*Main; it has one, two; name one of them"
    with pytest.raises(DataError, match=expected):
        open_custom(Selection(tmp_path, train=True))


def test_classes_given_or_from_the_folder(tmp_path):
    write_voc(tmp_path, CELLS)
    assert open_custom(Selection(tmp_path, train=True, classes=("WBC", "RBC"))).classes == (
        "WBC",
        "RBC",
    )
    (tmp_path / "classes.txt").write_text("WBC\nPlatelets\nRBC\n")
    dataset = open_custom(Selection(tmp_path, train=True))
    assert dataset.classes == ("WBC", "Platelets", "RBC")
    assert dataset.annotation(0).labels.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("split", "train"), [("train2017", True), ("train", True), ("val", False), ("test", False)]
)
def test_coco_json_is_recognised(tmp_path, split, train):
    write_coco(tmp_path, split, TOYS)
    dataset = open_custom(Selection(tmp_path, train=train))
    assert_is_dataset(dataset)
    assert isinstance(dataset, CocoDataset)
    assert (dataset.name, dataset.metric) == ("custom", "coco")
    assert (dataset.classes, dataset.coco_file.category_ids) == (("bee", "ant"), (3, 7))
    assert len(dataset) == 2  # the background image stays


def test_coco_export_with_the_json_among_the_images(tmp_path):
    file = write_coco(tmp_path, "valid", TOYS)
    shutil.move(file, tmp_path / "valid/_annotations.coco.json")
    assert_is_dataset(open_custom(Selection(tmp_path, train=False)))


def test_root_may_be_a_json_file(tmp_path):
    file = write_coco(tmp_path, "photos", TOYS)
    shutil.move(file, tmp_path / "toys.json")
    shutil.move(tmp_path / "photos", tmp_path / "images")
    assert_is_dataset(open_custom(Selection(tmp_path / "toys.json", train=True)))


def test_root_may_be_a_json_file_in_the_published_layout(tmp_path):
    file = write_coco(tmp_path, "photos", TOYS)
    dataset = open_custom(Selection(file, train=False))
    assert dataset.image_path(0).startswith(str(tmp_path / "photos"))


@pytest.mark.parametrize("below", ["", "images"])
def test_pictures_of_the_same_names_are_taken_from_the_folder_of_the_split(tmp_path, below):
    files = {name: write_coco(tmp_path, name, TOYS) for name in ("train2017", "val2017")}
    for name in files:
        if below:
            (tmp_path / below).mkdir(exist_ok=True)
            shutil.move(tmp_path / name, tmp_path / below / name)
        by_split = Selection(tmp_path, splits=name, train=True)
        for selection in (by_split, Selection(files[name], train=True)):
            place = open_custom(selection).image_path(0)
            assert place.startswith(str(tmp_path / below / name))


def test_coco_takes_one_split(tmp_path):
    write_coco(tmp_path, "train", TOYS)
    assert len(open_custom(Selection(tmp_path, splits="train", train=False))) == 2
    with pytest.raises(OptionError, match=r"must be one split; got 'train\+val'"):
        open_custom(Selection(tmp_path, splits="train+val", train=True))


def test_a_folder_that_is_absent_is_said_to_be_so(tmp_path):
    with pytest.raises(DataError, match="^there is no .*data: name the folder or file of a data"):
        open_custom(Selection(tmp_path / "data", train=True))


def test_no_layout_says_what_was_looked_for(tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    expected = (
        r"data is no data set: .* these are: VOC layout \(ImageSets/Main, .*; COCO JSON \(ann"
    )
    with pytest.raises(DataError, match=expected):
        open_custom(Selection(root, train=True))


@pytest.mark.parametrize(
    ("splits", "train", "num_images", "num_lost"),
    [
        ("", True, 205, 1),
        ("", False, 87, 1),
        ("train", True, 205, 1),
        ("val", True, 87, 1),
        ("trainval", True, 292, 2),
        ("2007_test", False, 72, 0),
    ],
)
def test_real_cells(shared_dir, splits, train, num_images, num_lost):
    root = shared_dir / "data/bccd"
    custom = open_dataset("custom", Selection(root, train=train, splits=splits))
    assert_is_dataset(custom)
    assert (len(custom), custom.classes) == (num_images, ("Platelets", "RBC", "WBC"))
    assert [p.reason for p in custom.problems] == ["degenerate box"] * num_lost
    as_voc = open_dataset(
        "voc",
        Selection(
            root, train=train, splits=splits or ("train" if train else "val"), classes=("RBC",)
        ),
    )
    assert len(as_voc) == num_images


@pytest.mark.parametrize("train", [True, False])
def test_real_coco_as_custom(shared_dir, train):
    dataset = open_dataset("custom", Selection(shared_dir / "data/coco-mini", train=train))
    assert_is_dataset(dataset)
    assert (len(dataset), dataset.classes) == (80, COCO_CLASSES)
