from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.data.prepare.openimages_json import write_annotations
from gluon_ssd.data.prepare.openimages_tables import BoxRow
from gluon_ssd.errors import EnvironmentProblem

NO_FLAGS = (0, 0, 0, 0, 0)
IMAGES = np.array([10, 11, 2**64 - 1], np.uint64)
SIZES = np.array([[50, 100], [0, 0], [30, 40]])


def write(path, boxes):
    count = write_annotations(path, boxes, images=IMAGES, sizes_hw=SIZES, classes=("Ant", "Bee"))
    return count, json.loads(path.read_text())


def test_records_are_those_of_the_rules(tmp_path):
    boxes = [
        BoxRow(2**64 - 1, 1, (0.25, 0.5, 0.5, 1.0), (1, 0, 1, -1, 0)),
        BoxRow(11, 0, (0.0, 0.0, 1.0, 1.0), NO_FLAGS),  # its image is not there
        BoxRow(12, 0, (0.0, 0.0, 1.0, 1.0), NO_FLAGS),  # nor does any list name this one
        BoxRow(10, 0, (0.1, 0.0, 0.4, 1.0), (0, 1, -1, 0, 1)),
    ]
    count, content = write(tmp_path / "labels/a.json", boxes)
    assert count == 2
    assert content["categories"] == [
        {"id": 0, "name": "Ant", "supercategory": None},
        {"id": 1, "name": "Bee", "supercategory": None},
    ]
    assert content["images"] == [
        {"id": 1, "file_name": "000000000000000a.jpg", "height": 50, "width": 100},
        {"id": 3, "file_name": "ffffffffffffffff.jpg", "height": 30, "width": 40},
    ]
    first, second = content["annotations"]
    assert first == {
        **{"id": 1, "image_id": 3, "category_id": 1, "bbox": [10.0, 15.0, 10.0, 15.0]},
        **{"area": 150.0, "iscrowd": 1, "IsOccluded": 1, "IsTruncated": 0, "IsGroupOf": 1},
        **{"IsDepiction": -1, "IsInside": 0},
    }
    assert second["bbox"] == pytest.approx([10, 0, 30, 50])
    assert second["area"] == pytest.approx(1500)
    assert (second["id"], second["image_id"], second["iscrowd"]) == (2, 1, 0)  # -1 is unknown


def test_no_box_is_a_valid_file(tmp_path):
    count, content = write(tmp_path / "a.json", [])
    assert (count, content["annotations"], len(content["images"])) == (0, [], 2)


def test_a_broken_off_file_leaves_the_earlier_one(tmp_path):
    def broken():
        yield BoxRow(10, 0, (0.0, 0.0, 1.0, 1.0), NO_FLAGS)
        raise KeyboardInterrupt

    (tmp_path / "a.json").write_text("before")
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a.json", broken())
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.json", "before")]


def test_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "labels").write_text("")
    with pytest.raises(EnvironmentProblem, match=f"{tmp_path}/labels"):
        write(tmp_path / "labels/a.json", [])
