from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import WeightsError
from gluon_ssd.models.record import ModelRecord

DECODING = Decoding(nms_topk=200, score_thresh=0.05, score_activation="sigmoid", per_class=False)
MODEL = ModelRecord("ssd_x", ("a", "b"), (300, 512), family="toy", decoding=DECODING)


def test_record_survives_json():
    assert ModelRecord.from_json(MODEL.to_json(), "here") == MODEL


def test_record_written_before_it_knew_families_has_the_defaults_of_the_zoo():
    old = {"name": "n", "classes": ["a"], "input_size_hw": [300, 300], "nms_topk": 200}
    found = ModelRecord.from_json(json.dumps(old), "here")
    assert found == ModelRecord("n", ("a",), (300, 300), decoding=Decoding(nms_topk=200))
    assert found.input_format == InputFormat((300, 300))


def test_record_says_how_images_become_its_input():
    record = replace(MODEL, mean=(0, 0, 0), std=(1, 2, 3), resize="pil")
    assert record.input_format == InputFormat((300, 512), (0, 0, 0), (1, 2, 3), "pil")
    assert ModelRecord.from_json(record.to_json(), "here").resize == "pil"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", 3),
        ("classes", []),
        ("classes", "ab"),
        ("input_size_hw", [300]),
        ("stds", [0.1, 0.1, 0.2]),
        ("score_activation", "relu"),
        ("relative_to", "image"),
        ("per_class", 1),
        ("nms_topk", True),
        ("post_nms", "100"),
        ("weights_from", None),
        ("resize", "nearest"),
    ],
)
def test_value_of_another_kind_is_refused_by_name(key, value):
    found = {**json.loads(MODEL.to_json()), key: value}
    with pytest.raises(WeightsError, match=f"here: {key} cannot be"):
        ModelRecord.from_json(json.dumps(found), "here")


def test_later_keys_are_ignored():
    found = {**json.loads(MODEL.to_json()), "colour_order": "RGB"}
    assert ModelRecord.from_json(json.dumps(found), "here") == MODEL


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "holds no valid JSON"), ("[]", "must hold one JSON object")],
)
def test_text_that_is_no_object_names_its_source(text, message):
    with pytest.raises(WeightsError, match=rf"^here.*{message}"):
        ModelRecord.from_json(text, "here")
