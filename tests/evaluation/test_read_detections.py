"""Detections written and read again; what is refused, and how that is said."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.analysis.scores import side_by_side
from gluon_ssd.evaluation.coco_map import coco_truth
from gluon_ssd.evaluation.read_detections import read_saved
from gluon_ssd.evaluation.saved_detections import save_detections
from tests.evaluation.builders import random_set

CLASSES = tuple("abcde")
FLOATS = ("scores", "boxes_px", "input_boxes_px")
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
    for name in ("image_index", "labels", "sizes_hw", "left_out", *FLOATS):
        assert getattr(got, name).tolist() == getattr(found, name).tolist(), name
    assert {getattr(got, name).dtype for name in FLOATS} == {np.dtype(np.float32)}
    assert got.input_size_hw == (100, 100)


@pytest.mark.parametrize("seed", range(3))
def test_nearly_equal_scores_of_int8_score_the_same_when_they_are_read(tmp_path, seed):
    """Scores that differ in the last bits alone: rounded, they would be ties in another order."""
    found, truth = random_set(seed, num_images=12)
    rng = np.random.default_rng(seed)
    near = found.scores.view(np.int32) + rng.integers(-3, 4, len(found.scores), np.int32)
    found = replace(
        found,
        scores=near.view(np.float32),
        boxes_px=found.boxes_px + np.float32(1 / 3),
        input_boxes_px=(found.boxes_px * np.float32(3 / 7)),
        input_size_hw=(43, 43),
    )
    save_detections(tmp_path / "d.json", found, IMAGES, CLASSES)
    got = read_saved(tmp_path / "d.json").detections(IMAGES, CLASSES)
    for name in FLOATS:
        assert getattr(got, name).tobytes() == getattr(found, name).tobytes(), name
    coco = coco_truth(truth, found.sizes_hw, CLASSES)
    fresh, again = (side_by_side(each, truth, coco, CLASSES) for each in (found, got))
    assert fresh.means.tobytes() == again.means.tobytes() and fresh.means[0] > 0
    # As they were written once, they score differently.
    rounded = replace(found, scores=found.scores.round(6))
    assert side_by_side(rounded, truth, coco, CLASSES).means.tobytes() != fresh.means.tobytes()


def test_every_float32_comes_back(tmp_path):
    """Random bits, and both neighbours of powers of two, where digits are scarcest."""
    rng = np.random.default_rng(0)
    powers = np.float32(2.0) ** np.arange(-60, 20, dtype=np.float32)
    edges = [np.nextafter(powers, np.float32(0)), powers, np.nextafter(powers, np.float32(1e6))]
    any_bits = rng.integers(0, np.float32(1e6).view(np.int32), 4000).astype(np.int32)
    values = np.sort(np.concatenate([*edges, any_bits.view(np.float32)])).reshape(-1, 4)
    found = replace(
        random_set(2)[0],
        image_index=np.zeros(len(values), np.int64),
        labels=np.zeros(len(values), np.int64),
        scores=np.linspace(0, 1 + 1e-6, len(values), dtype=np.float32),
        boxes_px=values,
        input_boxes_px=values[::-1].copy(),
    )
    save_detections(tmp_path / "d.json", found, IMAGES, CLASSES)
    got = read_saved(tmp_path / "d.json").detections(IMAGES, CLASSES)
    for name in FLOATS:
        assert getattr(got, name).tobytes() == getattr(found, name).tobytes(), name


def test_without_boxes_in_the_input_they_are_computed(saved):
    found, path = saved

    def drop(content):
        for row in content["detections"]:
            del row["input_box_px"]

    got = read_saved(changed(path, drop)).detections(IMAGES, CLASSES)
    assert got.input_boxes_px.tolist() == np.clip(found.boxes_px, 0, 100).tolist()


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
        ("input_box_px", [9, 5, 4, 9], "detection 2: input_box_px cannot be [9, 5, 4, 9]"),
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
