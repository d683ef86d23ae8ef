from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.data.class_names import COCO_CLASSES
from gluon_ssd.data.sources.coco import CocoDataset
from gluon_ssd.errors import DataError
from tests.data.builders import coco_content, write_coco, write_image
from tests.data.contract import assert_is_dataset

CATEGORIES = {90: "toothbrush", 1: "person", 17: "cat"}
# The 2017 files number their 80 categories to 90 and leave these out.
COCO_IDS = tuple(i for i in range(1, 91) if i not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83})


def _record(image_id, box, category_id=1, **extra):
    return {"image_id": image_id, "bbox": list(box), "category_id": category_id, **extra}


@pytest.fixture
def content():
    """Images 5 (two objects), 2 (none), 9 (a crowd), listed out of order."""
    records = [
        _record(5, (10, 20, 30, 15)),
        _record(9, (0, 0, 40, 40), 17, iscrowd=1),
        _record(5, (60.5, 40, 30, 30), 90),
    ]
    return coco_content((5, 2, 9), records, CATEGORIES)


@pytest.fixture
def root(tmp_path, content):
    write_coco(tmp_path, "val2017", content)
    return tmp_path


def _broken(root, change):
    """Apply `change` to the JSON content and open it."""
    file = root / "annotations/instances_val2017.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    return CocoDataset(root)


def test_published_tree(root):
    dataset = CocoDataset(root)
    assert_is_dataset(dataset)
    assert (dataset.name, dataset.metric, len(dataset)) == ("coco", "coco", 3)
    assert [dataset.image_id(i) for i in range(3)] == [2, 5, 9]
    assert dataset.image_path(1) == str(root / "val2017/000000000005.jpg")
    assert len(dataset.annotation(0).labels) == 0
    annotation = dataset.annotation(1)
    # x_max = x + w - 1, then clipped to the last pixel of the 60x80 image.
    assert annotation.boxes_px.tolist() == [[10, 20, 39, 34], [60.5, 40, 79, 59]]
    assert annotation.labels.tolist() == [0, 79]
    assert [p.reason for p in dataset.problems] == ["box partly outside the image"]


def test_coco_ids_follow_the_classes(root):
    dataset = CocoDataset(root)
    present = {name: COCO_IDS[COCO_CLASSES.index(name)] for name in CATEGORIES.values()}
    expected = [present.get(name, -1) for name in COCO_CLASSES]
    assert list(dataset.coco_file.category_ids) == expected
    own = CocoDataset(root, classes=("toothbrush", "Cat", "person", "unicorn"))
    assert own.coco_file.category_ids == (90, 17, 1, -1)
    assert own.annotation(1).labels.tolist() == [2, 0]


def test_without_classes_the_categories_give_the_order_of_ids(root):
    dataset = CocoDataset(root, classes=None)
    assert dataset.classes == ("person", "cat", "toothbrush")
    assert dataset.coco_file.category_ids == (1, 17, 90)


def test_gaps_in_category_ids_leave_no_gaps_in_labels(tmp_path):
    """Ids count for nothing but to join; an object of an id that no category has is dropped."""
    records = [_record(5, (1, 1, 9, 9), i) for i in (0, 7, 1000, 3)]
    write_coco(tmp_path, "train2017", coco_content((5,), records, {1000: "c", 0: "b", 7: "a"}))
    dataset = CocoDataset(tmp_path, split="train2017", classes=None)
    assert dataset.classes == ("b", "a", "c")
    assert dataset.annotation(0).labels.tolist() == [0, 1, 2]
    assert dataset.coco_file.category_ids == (0, 7, 1000)
    assert [(p.reason, p.detail) for p in dataset.problems] == [
        ("unknown class", "object 4: 'category 3' at (1, 1, 9, 9)")
    ]


def test_training_leaves_empty_images_out(root):
    dataset = CocoDataset(root, skip_empty=True)
    assert [dataset.image_id(i) for i in range(len(dataset))] == [5, 9]
    assert dataset.annotation(1).crowd.tolist() == [True]


def test_crowd_boxes_can_be_left_out(root):
    dataset = CocoDataset(root, skip_empty=True, use_crowd=False)
    assert [dataset.image_id(i) for i in range(len(dataset))] == [5]
    assert [p.reason for p in dataset.problems].count("crowd") == 1


@pytest.mark.parametrize("below", ["coco", "."])
@pytest.mark.parametrize("images", ["train2017", "images/train2017", "images"])
def test_places_of_images(tmp_path, content, below, images):
    file = write_coco(tmp_path / below, "train2017", content)
    source = tmp_path / below / "train2017"
    source.rename(tmp_path / "moved")
    (tmp_path / below / images).parent.mkdir(exist_ok=True)
    (tmp_path / "moved").rename(tmp_path / below / images)
    dataset = CocoDataset(tmp_path, split="train2017")
    assert dataset.image_path(0) == str(file.parent.parent / images / "000000000002.jpg")


def test_named_annotation_file_finds_images_beside_it(tmp_path, content):
    file = write_coco(tmp_path / "elsewhere", "val2017", content)
    flat = file.parent / "labels.json"
    file.rename(flat)
    for image in (tmp_path / "elsewhere/val2017").iterdir():
        image.rename(file.parent / image.name)
    assert_is_dataset(CocoDataset(tmp_path, annotation_file=flat))


def test_missing_annotations_list_the_places(tmp_path):
    expected = (
        r"no COCO annotations of split 'val2017' under .*; looked for .*/annotations/instances_"
        r"val2017\.json, .*/coco/annotations/instances_val2017\.json.*; give the folder that holds"
    )
    with pytest.raises(DataError, match=expected):
        CocoDataset(tmp_path)


def test_missing_images_list_the_places(tmp_path, content):
    write_coco(tmp_path, "val2017", content)
    (tmp_path / "val2017").rename(tmp_path / "pictures")
    with pytest.raises(
        DataError, match=r"cannot find the images of .*json, such as 0+2\.jpg; .*/coco"
    ):
        CocoDataset(tmp_path)


def test_cut_off_json_names_file_and_line(root):
    file = root / "annotations/instances_val2017.json"
    file.write_text(file.read_text()[:-50])
    with pytest.raises(DataError, match=r"instances_val2017\.json is not valid JSON: .* line 1"):
        CocoDataset(root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("images"), r"it has no list 'images'"),
        (lambda c: c.update(images=[]), r"lists no image"),
        (lambda c: c.update(categories=[]), r"lists no category"),
        (lambda c: c["images"][1].pop("file_name"), r"images\[1\] has no 'file_name'"),
        (
            lambda c: c["images"][1].update(id=2.5),
            r"images\[1\] 'id' must be a whole number or a text; got 2\.5",
        ),
        (
            lambda c: c["categories"][0].update(id=1),
            r"the categories 'toothbrush' and 'person' both have the id 1; give each",
        ),
        (lambda c: c["categories"][0].update(name=7), r"\[0\] 'name' must be a text; got 7"),
        (lambda c: c["annotations"][2].update(bbox=None), r"\[2\] 'bbox' must be a list"),
        (lambda c: c["annotations"][2].pop("bbox"), r"annotations\[2\] has no 'bbox'"),
        (
            lambda c: c["annotations"][0].update(bbox=[1, 2, 3]),
            r"annotations\[0\] bbox must be 4 numbers x, y, w, h; got \[1, 2, 3\]",
        ),
        (
            lambda c: c.update(categories=[{"id": 1, "name": "unicorn"}]),
            r"none of the 80 classes \(person, .*\); its categories are unicorn",
        ),
    ],
    ids=[
        "images",
        "no_image",
        "no_category",
        "file_name",
        "ids",
        "same_id",
        "name",
        "null",
        "bbox",
        "corners",
        "classes",
    ],
)
def test_broken_content_names_the_record(root, change, message):
    with pytest.raises(DataError, match=message):
        _broken(root, change)


def test_top_level_list_is_refused(root):
    (root / "annotations/instances_val2017.json").write_text("[]")
    with pytest.raises(DataError, match="it holds no JSON object"):
        CocoDataset(root)


def test_no_box_at_all_is_fine_unless_empty_images_are_skipped(root):
    assert len(_broken(root, lambda c: c.update(annotations=[]))) == 3
    with pytest.raises(DataError, match="has no image with a box"):
        CocoDataset(root, skip_empty=True)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (_record(5, (1, 1, 1, 9)), "degenerate box"),
        (_record(5, (1, 1, 9, 9), area=0), "degenerate box"),
        (_record(5, (90, 1, 9, 9)), "box beyond the image"),
        (_record(5, (1, 1, 9, 9), ignore=1), "marked as ignore"),
        (_record(5, (1, 1, 9, 9), 44), "unknown class"),
        (_record(77, (1, 1, 9, 9)), "label of an unlisted image"),
    ],
    ids=["thin", "no_area", "beyond", "ignore", "category", "unlisted"],
)
def test_lost_labels_are_counted(tmp_path, record, reason):
    write_coco(
        tmp_path, "val2017", coco_content((5,), [record, _record(5, (2, 2, 9, 9))], CATEGORIES)
    )
    dataset = CocoDataset(tmp_path)
    assert [p.reason for p in dataset.problems] == [reason]
    assert dataset.annotation(0).boxes_px.tolist() == [[2, 2, 10, 10]]


def test_lost_labels_of_skipped_images_are_counted_too(tmp_path):
    records = [_record(5, (1, 1, 1, 9)), _record(6, (2, 2, 9, 9))]
    write_coco(tmp_path, "val2017", coco_content((5, 6), records, CATEGORIES))
    dataset = CocoDataset(tmp_path, skip_empty=True)
    assert (len(dataset), [p.reason for p in dataset.problems]) == (1, ["degenerate box"])


def test_image_id_listed_twice_is_kept_once(root):
    dataset = _broken(root, lambda c: c["images"].append(dict(c["images"][0])))
    assert len(dataset) == 3
    assert "duplicate image" in [p.reason for p in dataset.problems]


def test_undeclared_size_is_taken_from_the_image(tmp_path):
    content = coco_content((5,), [_record(5, (70, 50, 90, 90))], CATEGORIES)
    del content["images"][0]["width"]
    write_coco(tmp_path, "val2017", content)
    write_image(tmp_path / "val2017/000000000005.jpg", (55, 75))
    annotation = CocoDataset(tmp_path).annotation(0)
    assert (annotation.size_hw, annotation.boxes_px.tolist()) == ((55, 75), [[70, 50, 74, 54]])


@pytest.mark.parametrize("split", ["train2017", "val2017"])
def test_real_coco_equals_gluoncv(shared_dir, split):
    from gluon_ssd.compat import mx  # noqa: F401  (GluonCV needs the NumPy aliases it sets

    gluoncv_data = pytest.importorskip("gluoncv.data")
    root = shared_dir / "data/coco-mini"
    dataset = CocoDataset(root, split=split)
    legacy = gluoncv_data.COCODetection(root=str(root), splits=f"instances_{split}")
    assert len(dataset) == len(legacy) == 80
    assert_is_dataset(dataset)
    assert dataset.coco_file.category_ids == COCO_IDS
    for index, expected in enumerate(legacy._labels):
        annotation = dataset.annotation(index)
        assert dataset.image_path(index) == legacy._items[index]
        rows = np.column_stack([annotation.boxes_px, annotation.labels])
        np.testing.assert_allclose(rows, expected, rtol=1e-6)
