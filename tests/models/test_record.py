from __future__ import annotations

import json
import math
import random
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


def test_every_class_has_a_threshold_or_none_has():
    record = replace(MODEL, thresholds=(0.25, 0.5))
    assert ModelRecord.from_json(record.to_json(), "here") == record
    with pytest.raises(WeightsError, match="here: 2 classes cannot have 1 thresholds"):
        ModelRecord.from_json(replace(MODEL, thresholds=(0.5,)).to_json(), "here")


def test_record_says_how_images_become_its_input():
    record = replace(MODEL, mean=(0, 0, 0), std=(1, 2, 3), resize="pil")
    assert record.input_format == InputFormat((300, 512), (0, 0, 0), (1, 2, 3), "pil")
    assert ModelRecord.from_json(record.to_json(), "here").resize == "pil"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", 3),
        ("name", ""),
        ("name", "a\nb"),
        ("classes", []),
        ("classes", "ab"),
        ("classes", None),
        ("input_size_hw", [300]),
        ("input_size_hw", [300, 300.5]),
        ("input_size_hw", [300, 7]),
        ("input_size_hw", [8193, 300]),
        ("input_size_hw", [True, 300]),
        ("mean", [0, 0, math.nan]),
        ("std", [1, 1, 0]),
        ("std", [1, 1, -1]),
        ("std", [1, 1, math.inf]),
        ("std", [1, 1, 10**39]),
        ("value_range", 0),
        ("value_range", "255"),
        ("edge_px", 2),
        ("thresholds", [0.5, 1.5]),
        ("thresholds", [0.5, None]),
        ("thresholds", 0.5),
        ("stds", [0.1, 0.1, 0.2, 0]),
        ("nms_thresh", math.nan),
        ("nms_topk", 2**31),
        ("nms_topk", 400.5),
        ("score_thresh", 1.5),
        ("level_anchors", [4, 0]),
        ("size_clip", -1),
        ("resize", ["auto"]),
        ("family", "a" * 501),
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


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", 3], "class 1 cannot be called 3"),
        (["", "a"], "class 0 cannot be called ''"),
        (["a", " "], "class 1 cannot be called ' '"),
        (["a", "b\nc"], r"class 1 cannot be called 'b\\nc'"),
        (["a", "b\u2028c"], r"class 1 cannot be called 'b\\u2028c'"),
        (["a", "b" * 501], "class 1 cannot be called 'bbb"),
        (["a", "b", "a"], "several classes are called 'a'"),
        ([["a"]], r"class 0 cannot be called \['a'\]"),
    ],
)
def test_class_names_are_texts_of_one_line_each_another(names, message):
    found = {**json.loads(MODEL.to_json()), "classes": names}
    with pytest.raises(WeightsError, match=f"here: {message}") as caught:
        ModelRecord.from_json(json.dumps(found), "here")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 160


def test_names_of_any_script_are_read():
    names = ("تصویر\u200cها", "👩\u200d🚒", "a\u00a0b", "Ä")
    record = replace(MODEL, classes=names)
    assert ModelRecord.from_json(record.to_json(), "here").classes == names


def test_where_weights_came_from_stays_one_line():
    record = replace(MODEL, weights_from="the file a\nb.params" + "x" * 900)
    found = ModelRecord.from_json(record.to_json(), "here").weights_from
    assert found.startswith("the file a\ufffdb.params") and len(found) == 500


def test_suppression_may_be_off_and_counts_may_mean_all():
    decoding = replace(DECODING, nms_thresh=-1, nms_topk=-1, post_nms=0, score_thresh=0)
    record = replace(MODEL, decoding=decoding)
    assert ModelRecord.from_json(record.to_json(), "here") == record


def mutated(found, rng):
    """A record with one field that is gone or of another value or kind."""
    odd = [None, True, -1, 0, 3.5, 10**39, math.nan, math.inf, "", "x\ny", [], {}, [[]], ["a"] * 3]
    key = rng.choice(list(found))
    changed = dict(found)
    if rng.random() < 0.2:
        del changed[key]
    elif isinstance(found[key], list) and rng.random() < 0.6:
        entries = [*found[key], rng.choice(odd)]
        rng.shuffle(entries)
        changed[key] = entries[rng.randrange(2) :]
    else:
        changed[key] = rng.choice(odd)
    return changed


def test_mutated_records_are_one_line_or_in_range():
    found, rng, refused = json.loads(MODEL.to_json()), random.Random(0), 0
    for _ in range(2000):
        try:
            record = ModelRecord.from_json(json.dumps(mutated(found, rng)), "here")
        except WeightsError as error:
            assert "\n" not in str(error) and len(str(error)) < 200
            refused += 1
        else:
            assert min(record.std) > 0 and record.value_range > 0 and min(record.decoding.stds) > 0
            assert all(8 <= side <= 8192 for side in record.input_size_hw)
            assert len(set(record.classes)) == len(record.classes)
    assert refused > 1000


def test_later_keys_are_ignored():
    found = {**json.loads(MODEL.to_json()), "colour_order": "RGB"}
    assert ModelRecord.from_json(json.dumps(found), "here") == MODEL


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", ": its record is not valid JSON"),
        ("[" * 100_000, "nested too deep"),
        ('{"name": "\\ud800"}', "holds half a character"),
        ("9" * 5000, "an integer of 5000 digits"),
        ("[]", "must hold one JSON object"),
        ("{}", "lacks name, classes, input_size_hw; write the model anew"),
    ],
)
def test_text_that_is_no_object_names_its_source(text, message):
    with pytest.raises(WeightsError, match=rf"^here.*{message}"):
        ModelRecord.from_json(text, "here")
