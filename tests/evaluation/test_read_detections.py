"""Detections written and read again; what is refused, and how that is said."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.read_detections import read_saved
from gluon_ssd.evaluation.saved_detections import save_detections
from tests.evaluation.builders import random_set

CLASSES = tuple("abcde")
IMAGES = [f"/data/images/i{n}.jpg" for n in range(12)]


@pytest.fixture
def saved(tmp_path):
    found, _ = random_set(2)
    save_detections(tmp_path / "d.json", found, IMAGES, CLASSES)
    return found, tmp_path / "d.json"


def test_what_is_read_is_what_was_written(saved):
    found, path = saved
    read = read_saved(path)
    assert (read.classes, read.input_size_hw) == (CLASSES, (100, 100))
    got = read.detections(IMAGES, CLASSES)
    for name in ("image_index", "labels", "sizes_hw", "left_out"):
        assert getattr(got, name).tolist() == getattr(found, name).tolist(), name
    assert got.scores == pytest.approx(found.scores, abs=1e-6)
    assert got.boxes_px == pytest.approx(found.boxes_px, abs=0.006)
    inside = np.clip(found.input_boxes_px, 0, 100)
    assert got.input_boxes_px == pytest.approx(inside, abs=0.006)
    assert got.input_size_hw == (100, 100)


def test_images_of_another_folder_are_known_by_their_names(saved):
    found, path = saved
    moved = [f"C:/there/i{n}.jpg" for n in range(12)]
    assert read_saved(path).detections(moved, CLASSES).image_index.tolist() == (
        found.image_index.tolist()
    )
    with pytest.raises(DataError, match=r"i0.jpg, which is not one of the data set"):
        read_saved(path).detections([*moved[1:], "a/i0.jpg", "b/i0.jpg"], CLASSES)


def test_classes_are_known_by_their_names_whatever_their_order(saved):
    found, path = saved
    got = read_saved(path).detections(IMAGES, CLASSES[::-1])
    assert (4 - got.labels).tolist() == found.labels.tolist()
    with pytest.raises(DataError, match=r"detection \d+ is of the class 'd', which is none"):
        read_saved(path).detections(IMAGES, ("a", "b", "c", "x", "e"))


def changed(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def test_images_that_are_not_listed_are_left_out(saved):
    found, path = saved

    def drop(content):
        for key in ("images", "detections"):
            content[key] = [entry for entry in content[key] if entry["image"] != IMAGES[3]]

    got = read_saved(changed(path, drop)).detections(IMAGES, CLASSES)
    assert got.left_out.tolist() == [3] and got.num_images == 11
    assert len(got.labels) == (found.image_index != 3).sum() < len(found.labels)


def test_a_detector_without_names_is_known_by_the_numbers(tmp_path):
    found, _ = random_set(2)
    save_detections(tmp_path / "d.json", found, IMAGES, ())
    read = read_saved(tmp_path / "d.json")
    assert read.classes is None
    assert read.detections(IMAGES, CLASSES).labels.tolist() == found.labels.tolist()

    def say_null(content):
        for row in content["detections"]:
            row["class"] = None

    before = read_saved(changed(tmp_path / "d.json", say_null)).detections(IMAGES, CLASSES)
    assert before.labels.tolist() == found.labels.tolist()
    with pytest.raises(DataError, match="is of the class '4', which is none"):
        read.detections(IMAGES, CLASSES[:4])


def test_a_file_without_the_size_of_the_input_says_so(saved):
    _, path = saved
    got = read_saved(changed(path, lambda c: c.pop("input_size_hw"))).detections(IMAGES, CLASSES)
    assert got.input_size_hw == (0, 0)
    assert got.input_boxes_px.tolist() == got.boxes_px.tolist()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("schema", "x", 'is no file of detections (its "schema" says so); write it anew'),
        ("version", 2, "is of version 2, and this program reads 1"),
        ("classes", "cat", "classes cannot be cat"),
        ("classes", ["a", "a"], "classes cannot be ['a', 'a']"),
        ("input_size_hw", [0, 3], "input_size_hw cannot be [0, 3]"),
        ("input_size_hw", [True, 3], "input_size_hw cannot be [True, 3]"),
        ("detections", {}, 'has no list "detections"'),
        ("images", None, 'has no list "images"'),
    ],
)
def test_a_file_of_another_kind_is_refused(saved, key, value, message):
    path = changed(saved[1], lambda content: content.update({key: value}))
    with pytest.raises(DataError) as caught:
        read_saved(path)
    assert str(caught.value).startswith(str(path)) and message in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("image", 3, "detection 2 has no name of an image"),
        ("frame", 0, "detection 2 is a frame of the film"),
        ("score", 1.5, "detection 2: the score cannot be 1.5"),
        ("score", True, "detection 2: the score cannot be True"),
        ("score", float("nan"), "detection 2: the score cannot be nan"),
        ("box_px", [1, 2, 3], "detection 2: box_px cannot be [1, 2, 3]"),
        ("box_px", [5, 5, 4, 9], "detection 2: box_px cannot be [5, 5, 4, 9]"),
        ("box_px", [0, 0, 1e9, 1], "detection 2: box_px cannot be"),
        ("class", ["a"], "detection 2 is of the class"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused(saved, key, value, message):
    path = changed(saved[1], lambda content: content["detections"][1].update({key: value}))
    with pytest.raises(DataError) as caught:
        read_saved(path).detections(IMAGES, CLASSES)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["images"][0].update(width=-1), "image 1: it cannot be -1 x 100"),
        (lambda c: c["images"].__setitem__(0, 5), "image 1 has no name of an image"),
        (lambda c: c.update(images=[]), "has detections in an image that it does not list"),
        (lambda c: c["detections"].__setitem__(0, "x"), "detection 1 has no name of an image"),
    ],
)
def test_images_that_cannot_be_meant_are_refused(saved, change, message):
    with pytest.raises(DataError) as caught:
        read_saved(changed(saved[1], change)).detections(IMAGES, CLASSES)
    assert message in str(caught.value)


def test_a_missing_file_and_a_list_are_refused(tmp_path):
    with pytest.raises(DataError, match="cannot read"):
        read_saved(tmp_path / "none.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(DataError, match="is no file of detections"):
        read_saved(tmp_path / "list.json")
