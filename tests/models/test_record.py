from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import WeightsError
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import quiet_symbol_blocks
from gluon_ssd.models.record import ModelRecord, read_symbol_metadata, write_symbol_metadata
from tests.models.builders import small_network

DECODING = Decoding(nms_topk=200, score_thresh=0.05, score_activation="sigmoid", per_class=False)
MODEL = ModelRecord("ssd_x", ("a", "b"), (300, 512), family="toy", decoding=DECODING)


@pytest.fixture
def exported(tmp_path):
    """(symbol path, parameter path, image, detections) of a small detector."""
    detector = Detector(small_network())
    detector.hybridize()
    image = mx.nd.random.normal(shape=(1, 3, 128, 128))
    detections = detector(image)
    detector.export(str(tmp_path / "net"))
    return tmp_path / "net-symbol.json", tmp_path / "net-0000.params", image, detections


def test_record_survives_json():
    assert ModelRecord.from_json(MODEL.to_json(), "here") == MODEL


def test_record_written_before_it_knew_families_has_the_defaults_of_the_zoo():
    old = {"name": "n", "classes": ["a"], "input_size_hw": [300, 300], "nms_topk": 200}
    found = ModelRecord.from_json(json.dumps(old), "here")
    assert found == ModelRecord("n", ("a",), (300, 300), decoding=Decoding(nms_topk=200))


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
    ],
)
def test_value_of_another_kind_is_refused_by_name(key, value):
    found = {**json.loads(MODEL.to_json()), key: value}
    with pytest.raises(WeightsError, match=f"here: {key} cannot be"):
        ModelRecord.from_json(json.dumps(found), "here")


def test_later_keys_are_ignored():
    found = {**json.loads(MODEL.to_json()), "colour_order": "RGB"}
    assert ModelRecord.from_json(json.dumps(found), "here") == MODEL


def test_symbol_with_a_record_still_loads_and_computes_the_same(exported):
    symbol_path, params_path, image, detections = exported
    write_symbol_metadata(symbol_path, MODEL)
    assert read_symbol_metadata(symbol_path) == MODEL
    assert len(mx.sym.load(str(symbol_path)).list_outputs()) == 3
    with quiet_symbol_blocks():
        block = mx.gluon.SymbolBlock.imports(str(symbol_path), ["data"], str(params_path))
    for found, expected in zip(block(image), detections, strict=True):
        np.testing.assert_array_equal(found.asnumpy(), expected.asnumpy())


def test_symbol_without_a_record_has_none(exported):
    assert read_symbol_metadata(exported[0]) is None


def test_real_symbol_has_none(shared_dir):
    path = shared_dir / "weights" / "ssd_300_mobilenet0.75_voc-symbol.json"
    if not path.is_file():
        pytest.skip(f"no {path}")
    assert read_symbol_metadata(path) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ('{"a": 1}', "is no MXNet symbol"),
        ("[1]", "is no MXNet symbol"),
        ('{"nodes": [], "attrs": {"gluon_ssd_model": 3}}', "gluon_ssd_model is damaged"),
        ('{"nodes": [], "attrs": {"gluon_ssd_model": ["str", "{"]}}', "holds no valid JSON"),
    ],
)
def test_damaged_symbol_is_named(tmp_path, content, message):
    (tmp_path / "bad-symbol.json").write_text(content)
    with pytest.raises(WeightsError, match=rf"bad-symbol\.json.*{message}"):
        read_symbol_metadata(tmp_path / "bad-symbol.json")


def test_missing_symbol_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"none-symbol\.json: No such file"):
        read_symbol_metadata(tmp_path / "none-symbol.json")
