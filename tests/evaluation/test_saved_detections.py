"""The JSON file of detections, read back."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.evaluation.saved_detections import SCHEMA, VERSION, save_detections, saving


def rows(labels, scores, boxes):
    return {
        "labels": np.array(labels, np.int64),
        "scores": np.array(scores, np.float32),
        "boxes_px": np.array(boxes, np.float32).reshape(-1, 4),
    }


def test_a_file_says_what_it_is_and_lists_every_picture(tmp_path):
    path = tmp_path / "d.json"
    with saving(path, ["猫", "dog"]) as saved:
        saved.add("a.jpg", (48, 64), **rows([0, 7], [0.87654321, 0.5], [[1, 2, 3.456789, 4]] * 2))
        saved.add("film.mp4", (48, 64), **rows([], [], []), frame=3, annotated="film.mp4")
    text = path.read_text("utf-8")
    assert "猫" in text
    assert json.loads(text) == {
        "schema": SCHEMA,
        "version": VERSION,
        "classes": ["猫", "dog"],
        "detections": [
            {
                "image": "a.jpg",
                "frame": None,
                "label": label,
                "class": name,
                "score": score,
                "box_px": [1, 2, 3.456789, 4],
            }
            for label, name, score in ((0, "猫", 0.8765432), (7, "class 7", 0.5))
        ],
        "images": [
            {"image": "a.jpg", "frame": None, "width": 64, "height": 48},
            {
                "image": "film.mp4",
                "frame": 3,
                "width": 64,
                "height": 48,
                "annotated": "film.mp4",
            },
        ],
    }


def test_nothing_at_all_is_a_file_too(tmp_path):
    with saving(tmp_path / "d.json", []):
        pass
    content = json.loads((tmp_path / "d.json").read_text())
    assert content["detections"] == content["images"] == content["classes"] == []


def test_images_left_out_of_a_data_set_are_not_listed(tmp_path):
    found = Detections(
        image_index=np.array([0, 2, 2]),
        input_boxes_px=np.zeros((3, 4)),
        sizes_hw=np.array([[10, 20], [0, 0], [30, 40]]),
        input_size_hw=(8, 8),
        left_out=np.array([1]),
        **rows([0, 0, 0], [0.9, 0.8, 0.7], [[1, 1, 2, 2], [3, 3, 4, 4], [5, 5, 6, 6]]),
    )
    save_detections(tmp_path / "d.json", found, ["a", "b", "c"], ["cat"])
    content = json.loads((tmp_path / "d.json").read_text())
    assert [image["image"] for image in content["images"]] == ["a", "c"]
    assert [(row["image"], row["score"]) for row in content["detections"]] == [
        ("a", 0.9),
        ("c", 0.8),
        ("c", 0.7),
    ]


def test_an_error_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "d.json"
    path.write_text("earlier")
    with pytest.raises(KeyError), saving(path, ["cat"]) as saved:
        saved.add("a.jpg", (4, 4), **rows([0], [0.5], [[0, 0, 1, 1]]))
        raise KeyError
    assert path.read_text() == "earlier"
    assert os.listdir(tmp_path) == ["d.json"]
    with pytest.raises(EnvironmentProblem, match="cannot write"), saving(path / "x", []):
        pass


def test_names_that_are_no_text_are_spelled(tmp_path):
    with saving(tmp_path / "d.json", []) as saved:
        saved.add(os.fsdecode(b"\xff.jpg"), (4, 4), **rows([], [], []))
    assert json.loads((tmp_path / "d.json").read_text())["images"][0]["image"] == "\\xff.jpg"


def test_docs_show_this_form(tmp_path):
    page = (Path(__file__).parents[2] / "docs/predict.md").read_text("utf-8")
    (example,) = re.findall(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    shown = json.loads(example)
    with saving(tmp_path / "d.json", shown["classes"]) as saved:
        saved.add("film.mp4", (480, 640), frame=12, annotated="x", **rows([1], [0.91], [[1] * 4]))
    written = json.loads((tmp_path / "d.json").read_text())
    assert {**written, "detections": 0, "images": 0} == {**shown, "detections": 0, "images": 0}
    for key in ("detections", "images"):
        assert [each.keys() for each in shown[key]] == [each.keys() for each in written[key]]
