from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.inference.endpoint_json import (
    endpoint_answer,
    endpoint_json,
    write_endpoint_answers,
)
from gluon_ssd.inference.found import Found


def found(labels, scores, boxes_px) -> Found:
    """In a picture of 400 x 200 px."""
    return Found(
        labels=np.array(labels, np.int64),
        scores=np.array(scores, np.float32),
        boxes_px=np.array(boxes_px, np.float32).reshape(-1, 4),
        classes=("dog", "cat"),
        size_hw=(200, 400),
        seconds=0.1,
        source="a.jpg",
        frame=None,
        read=None,
    )


def test_rows_are_class_score_and_fractions_of_width_and_height():
    answer = endpoint_json(found([1, 0], [0.75, 0.5], [[100, 50, 400, 200], [0, 0, 40, 10]]))
    assert answer.keys() == {"prediction"}
    assert answer["prediction"] == [
        [1, 0.75, 0.25, 0.25, 1, 1],
        pytest.approx([0, 0.5, 0, 0, 0.1, 0.05]),
    ]


def test_every_number_is_a_float_of_json():
    text = json.dumps(endpoint_json(found([1], [0.75], [[100, 50, 400, 200]])))
    assert text == '{"prediction": [[1.0, 0.75, 0.25, 0.25, 1.0, 1.0]]}'


def test_without_an_object_the_list_is_empty():
    assert endpoint_json(found([], [], [])) == {"prediction": []}


def test_the_form_is_that_of_a_published_answer(shared_dir):
    """Rows of six floats, fractions of the image, the best score first."""
    place = shared_dir / "other-mxnet/models/tiny_96_2/response_first_image.json"
    wanted = json.loads(place.read_text())
    rows = np.array(wanted["prediction"])
    boxes_px = rows[:, 2:] * 96
    answer = endpoint_answer(rows[:, 0], rows[:, 1], boxes_px, (96, 96))
    assert answer.keys() == wanted.keys()
    np.testing.assert_allclose(answer["prediction"], wanted["prediction"], atol=1e-6)
    assert {type(value) for row in answer["prediction"] for value in row} == {float}


def test_corners_are_cut_at_the_edges():
    answer = endpoint_answer([0], [0.5], [[-10, 20, 500, 300]], (200, 400))
    assert answer["prediction"] == [[0.0, 0.5, 0.0, pytest.approx(0.1), 1.0, 1.0]]


def test_a_data_set_is_a_line_for_each_image(tmp_path):
    detections = Detections(
        image_index=np.array([0, 0, 2]),
        labels=np.array([1, 0, 0]),
        scores=np.array([0.75, 0.5, 0.25], np.float32),
        boxes_px=np.array([[0, 0, 10, 10], [5, 5, 20, 20], [0, 0, 4, 2]], np.float32),
        input_boxes_px=np.zeros((3, 4), np.float32),
        sizes_hw=np.array([[20, 40], [10, 10], [4, 8], [0, 0]]),
        input_size_hw=(300, 300),
        left_out=np.array([3]),
    )
    write_endpoint_answers(tmp_path / "a.jsonl", detections, "abcd".__getitem__)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert lines == [
        {
            "image": "a",
            "prediction": [[1.0, 0.75, 0.0, 0.0, 0.25, 0.5], [0.0, 0.5, 0.125, 0.25, 0.5, 1.0]],
        },
        {"image": "b", "prediction": []},
        {"image": "c", "prediction": [[0.0, 0.25, 0.0, 0.0, 0.5, 0.5]]},
        {"image": "d", "error": "the image could not be used and was left out"},
    ]
