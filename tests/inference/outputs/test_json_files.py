"""Detections as JSON, picture by picture."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gluon_ssd.inference.outputs.json_files import EndpointAnswers, JsonFile
from tests.inference.outputs.builders import seen


def test_the_file_names_what_is_drawn_and_hides_what_lets_one_in(tmp_path):
    path = tmp_path / "d.json"
    with JsonFile(path, ("cat", "dog"), drawn=lambda each: Path(f"{each.label}.jpg")) as file:
        file.add(seen([1], [[1, 2, 3, 4]], source="rtsp://user:word@host/a"))
    saved = json.loads(path.read_text())
    assert saved["images"][0]["image"] == saved["detections"][0]["image"] == "rtsp://***@host/a"
    assert saved["images"][0]["annotated"] == "a.jpg"
    assert (saved["classes"], saved["detections"][0]["class"]) == (["cat", "dog"], "dog")


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), JsonFile(tmp_path / "d.json", ()) as file:
        file.add(seen([0], [[1, 2, 3, 4]]))
        raise KeyError
    assert os.listdir(tmp_path) == []


def test_answers_lie_under_the_labels(tmp_path):
    with EndpointAnswers(tmp_path) as answers:
        answers.add(seen([1], [[15, 10, 30, 20]], label="sub/a"))
    answer = json.loads((tmp_path / "sub/a.json").read_text())
    assert answer["prediction"][0] == [1, pytest.approx(0.9), 0.25, 0.25, 0.5, 0.5]
