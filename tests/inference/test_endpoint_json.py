from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.inference.endpoint_json import endpoint_json
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
