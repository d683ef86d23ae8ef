"""Data sets in YOLO's forms, as custom data sets."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from gluon_ssd.data.check import check_dataset
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.orientations import settle_orientations
from gluon_ssd.data.problems import OTHER_CLASS, UNKNOWN_CLASS
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.data.sources.layouts import find_layout
from gluon_ssd.data.sources.yolo import is_yolo
from gluon_ssd.errors import DataError
from tests.data.builders import HEIGHT, WIDTH, write_image
from tests.data.contract import assert_is_dataset
from tests.data.photos import photo

# Class 1, and the corners of its box in a picture of 80 x 60.
LINE, BOX = "1 0.5 0.5 0.25 0.5\n", [30, 15, 50, 45]


def write(root, pictures, *, names="names: [cat, dog]\n", parts="", labels=None):
    """Pictures by their paths, and a label file for each, where its mirror is."""
    root.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(pictures):
        write_image(root / name, seed=number)
        label = (root / name.replace("images/", "labels/")).with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text((labels or {}).get(name, LINE))
    if names:
        (root / "data.yaml").write_text(f"{parts}{names}")
    return root


def opened(root, **given):
    return open_dataset("custom", Selection(root, **{"train": True, **given}))


@pytest.mark.parametrize(
    ("train", "val", "parts"),
    [
        ("images/train/a.jpg", "images/val/b.jpg", "train: images/train\nval: images/val\n"),
        (
            "train/images/a.jpg",
            "valid/images/b.jpg",
            "train: ../train/images\nval: ../valid/images\n",
        ),
        ("images/train/a.jpg", "images/val/b.jpg", ""),
        ("train/images/a.jpg", "valid/images/b.jpg", ""),
        ("train/a.jpg", "test/b.jpg", ""),
        ("images/a.jpg", "images/b.jpg", "train: train.txt\nval: [val.txt]\n"),
        ("images/a.jpg", "images/b.jpg", ""),
    ],
)
def test_layouts_of_yolo(tmp_path, train, val, parts):
    write(tmp_path, [train, val], parts=parts)
    if train.startswith("images/a"):
        (tmp_path / "train.txt").write_text(f"./{train}\n")
        (tmp_path / "val.txt").write_text(f"/old/place/{val}\n")
    for name, is_train in ((train, True), (val, False)):
        dataset = opened(tmp_path, train=is_train)
        assert_is_dataset(dataset)
        assert (len(dataset), dataset.image_id(0), dataset.name) == (1, name, "custom")
        assert dataset.classes == ("cat", "dog")
        annotation = dataset.annotation(0)
        assert (annotation.labels.tolist(), annotation.boxes_px.tolist()) == ([1], [BOX])
    assert find_layout(tmp_path).name == "yolo"


def test_the_yaml_file_itself_names_the_splits(tmp_path):
    write(tmp_path, ["images/a/x.jpg", "images/b/y.jpg"], parts="train: images/a\nval: images/b\n")
    file = tmp_path / "data.yaml"
    assert opened(file).image_id(0) == "images/a/x.jpg"
    assert opened(file, train=False).image_id(0) == "images/b/y.jpg"
    assert len(opened(file, splits="train+val")) == 2
    with pytest.raises(DataError, match=r"no split test in .*data.yaml; it has train, val; name"):
        opened(file, splits="test")


def test_a_set_without_splits_is_one(tmp_path):
    write(tmp_path, ["images/a.jpg", "images/b.jpg"], names="")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "notes.json").write_text('{"categories": [{"id": 0, "name": "cat"}], "info": {}}')
    assert find_layout(tmp_path).name == "yolo"  # as Label Studio exports it
    assert [len(opened(tmp_path, train=train)) for train in (True, False)] == [2, 2]


def test_pictures_and_labels_side_by_side(tmp_path):
    write(tmp_path, ["a.jpg", "b.png"], names="")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    dataset = opened(tmp_path)
    assert [dataset.image_id(i) for i in range(2)] == ["a.jpg", "b.png"]
    assert dataset.annotation(1).boxes_px.tolist() == [BOX]


def test_lists_of_darknet(tmp_path):
    write(tmp_path, ["obj_train_data/a.jpg"], names="")
    (tmp_path / "obj.names").write_text("cat\ndog\n")
    (tmp_path / "train.txt").write_text("data/obj_train_data/a.jpg\n")  # as CVAT exports it
    dataset = opened(tmp_path)
    assert (dataset.image_id(0), dataset.classes) == ("obj_train_data/a.jpg", ("cat", "dog"))


def test_missing_and_empty_label_files_are_backgrounds(tmp_path):
    write(tmp_path, ["images/a.jpg", "images/b.jpg", "images/c.jpg"], labels={"images/b.jpg": ""})
    (tmp_path / "labels/c.txt").unlink()
    dataset = opened(tmp_path)
    assert [len(dataset.annotation(i).labels) for i in range(3)] == [1, 0, 0]
    assert dataset.annotation(2).size_hw == (HEIGHT, WIDTH)
    assert check_dataset(dataset).problems == ()


def test_labels_that_are_all_missing_are_an_error(tmp_path):
    write(tmp_path, ["images/a.jpg"])
    (tmp_path / "labels/a.txt").rename(tmp_path / "labels/x.txt")
    with pytest.raises(DataError, match=r"none of the 1 pictures has a label file; .*labels/a.txt"):
        opened(tmp_path)


def test_labels_behind_a_broken_link_are_no_background(tmp_path):
    write(tmp_path, ["images/a.jpg", "images/b.jpg"])
    (tmp_path / "labels/b.txt").unlink()
    (tmp_path / "labels/b.txt").symlink_to("moved away")
    with pytest.raises(DataError, match=r"labels/b.txt.*No such file"):
        opened(tmp_path)


def test_polygons_become_boxes_and_are_counted(tmp_path):
    polygon = "0 0.25 0.5 0.5 0.25 0.75 0.5 0.5 0.75\n"
    write(tmp_path, ["images/a.jpg"], labels={"images/a.jpg": LINE + polygon})
    dataset = opened(tmp_path)
    assert dataset.annotation(0).boxes_px.tolist() == [BOX, [20, 15, 60, 45]]
    report = check_dataset(dataset)
    assert (report.counts, report.num_labels, report.share_bad) == ({"polygon": 1}, 2, 0)
    assert "polygon: 1 (its box is taken)" in report.lines()[1]


def test_a_class_beyond_the_names_is_counted_as_bad(tmp_path):
    write(tmp_path, ["images/a.jpg"], labels={"images/a.jpg": LINE + "7 0.5 0.5 0.1 0.1\n"})
    for reason in (UNKNOWN_CLASS, OTHER_CLASS):
        report = check_dataset(opened(tmp_path, other_labels=reason))
        assert (report.counts, report.share_bad) == ({"unknown class": 1}, 0.5)
    (problem,) = report.problems
    assert problem.detail == "line 2: class 7, the names end with 1"


def test_a_broken_line_stops_and_is_counted_when_tolerated(tmp_path):
    bad = {"images/a.jpg": "0 0.5 0.5 0.1 0.1 0.9\n"}
    write(tmp_path, ["images/a.jpg", "images/b.jpg"], labels=bad)
    with pytest.raises(DataError, match=r"labels/a.txt line 1 has 6 numbers"):
        opened(tmp_path)
    dataset = opened(tmp_path, tolerant=True)
    (problem,) = dataset.problems
    assert problem.reason == "broken annotation" and problem.detail.startswith("line 1 has 6")
    assert (len(dataset), len(dataset.annotation(0).labels)) == (2, 0)


def test_names_of_the_user_give_the_order_and_leave_others_out(tmp_path):
    write(tmp_path, ["images/a.jpg"], labels={"images/a.jpg": LINE + "0 0.5 0.5 0.1 0.1\n"})
    dataset = opened(tmp_path, classes=("dog",), other_labels=OTHER_CLASS)
    assert (dataset.classes, dataset.annotation(0).labels.tolist()) == (("dog",), [0])
    assert [problem.reason for problem in dataset.problems] == ["other class"]


def test_without_names_classes_are_counted_over_all_splits(tmp_path, caplog):
    labels = {"images/val/b.jpg": "3 0.5 0.5 0.1 0.1\n"}
    write(tmp_path, ["images/train/a.jpg", "images/val/b.jpg"], names="", labels=labels)
    (tmp_path / "readme.txt").write_text("made by hand\n")
    with caplog.at_level(logging.WARNING):
        dataset = opened(tmp_path)
    assert dataset.classes == ("class 0", "class 1", "class 2", "class 3")
    assert "names no classes" in caplog.text
    assert opened(tmp_path, classes=("a", "b")).annotation(0).labels.tolist() == [1]


def test_a_picture_listed_twice_is_trained_on_twice_and_scored_once(tmp_path):
    write(tmp_path, ["images/a.jpg"], parts="train: all.txt\nval: all.txt\n")
    (tmp_path / "all.txt").write_text("images/a.jpg\n" * 2)
    training = opened(tmp_path)
    assert_is_dataset(training)
    assert [training.image_id(i) for i in range(2)] == ["images/a.jpg", "images/a.jpg#2"]
    report = check_dataset(training)
    assert (report.counts, report.share_bad) == ({"listed again": 1}, 0)
    validation = opened(tmp_path, train=False)
    assert (len(validation), [p.reason for p in validation.problems]) == (1, ["duplicate image"])


@pytest.mark.parametrize(("exif", "size_hw"), [("ignore", (80, 60)), ("apply", (60, 80))])
def test_fractions_on_a_photo_on_its_side_follow_the_option(tmp_path, exif, size_hw):
    write(tmp_path, ["images/a.jpg", "images/b.jpg"])
    photo(tmp_path / "images/b.jpg", 6)
    dataset = settle_orientations(opened(tmp_path, exif=exif), exif)
    x, y = size_hw[1] / 80, size_hw[0] / 60
    box = dataset.annotation(1).boxes_px[0]
    np.testing.assert_allclose(box, np.array(BOX) * [x, y, x, y])
    assert dataset.orientation(1) == (6 if exif == "apply" else 1)
    assert check_dataset(dataset).unusable == ()


def test_a_picture_that_cannot_be_read_is_left_to_the_check(tmp_path):
    write(tmp_path, ["images/a.jpg", "images/b.jpg"])
    (tmp_path / "images/b.jpg").write_bytes(b"no picture")
    report = check_dataset(opened(tmp_path))
    assert (report.counts, report.unusable) == ({"unreadable image": 1}, (1,))


def test_what_is_no_yolo(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/classes.txt").write_text("cat\n")
    assert not is_yolo(tmp_path) and not is_yolo(tmp_path / "absent")
    assert not is_yolo(tmp_path / "labels/classes.txt")
    with pytest.raises(DataError, match="holds no picture"):
        opened(write(tmp_path / "set", [], parts="train: .\n"))
