"""Result files of COCO: its own tools take them."""

from __future__ import annotations

import json
import os

import pytest
from pycocotools.coco import COCO

from gluon_ssd.errors import DataError
from gluon_ssd.inference.outputs.coco_results import CocoResults, read_coco_ids
from gluon_ssd.inference.outputs.seen import Film
from tests.inference.outputs.builders import seen


def test_the_two_files_belong_together(tmp_path):
    with CocoResults(tmp_path, ["cat", "dog"]) as results:
        results.add(seen([0, 1], [[1, 2, 31, 12], [0, 0, 4, 5]]))
        results.add(seen([1], [[1, 1, 2, 2]], label="film_000000", film=Film("film", 5)))
        results.add(seen([], [], source="b.jpg"))
    truth = COCO(str(tmp_path / "coco_images.json"))
    found = truth.loadRes(str(tmp_path / "coco_results.json"))
    names = [truth.imgs[number]["file_name"] for number in (1, 2, 3)]
    assert names == ["a.jpg", "film_000000.jpg", "b.jpg"]
    assert found.getImgIds() == [1, 2, 3] and found.loadCats([2])[0]["name"] == "dog"
    assert found.loadAnns(found.getAnnIds(imgIds=[1]))[0]["bbox"] == [1, 2, 30, 10]


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), CocoResults(tmp_path, ["cat", "dog"]) as results:
        results.add(seen([0], [[1, 2, 3, 4]]))
        raise KeyError
    assert os.listdir(tmp_path) == []


def test_names_that_are_there_twice_give_no_ids(tmp_path):
    images = [{"id": n, "file_name": f"{n}/a.jpg"} for n in (1, 2)]
    content = {"images": images, "categories": [{"id": 1, "name": "cat"}], "annotations": []}
    (tmp_path / "ids.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="lists two images of the name a.jpg, so that nobody knows"):
        read_coco_ids(tmp_path / "ids.json", ["cat"])
