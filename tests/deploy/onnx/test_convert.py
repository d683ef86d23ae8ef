"""The raw form: what a file holds, and that it computes what MXNet computes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.errors import OptionError
from tests.deploy.toy_parts import BY, toy_images, toy_parts, toy_reference

pytestmark = pytest.mark.onnx
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from gluon_ssd.deploy.onnx.convert import OPSETS, raw_model  # noqa: E402


def run(model, images):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"images": images})


def shape(value):
    return [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize("opset", OPSETS)
def test_every_opset_gives_what_mxnet_gives(opset):
    images = toy_images()
    logits, offsets, anchors = run(raw_model(toy_parts(), opset=opset), images)
    for found, expected in zip((logits, offsets), toy_reference().raw_outputs(images), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert anchors.shape == (logits.shape[1], 4)


@pytest.mark.parametrize("by", BY)
def test_every_way_to_count_candidates_gives_what_mxnet_gives(by):
    images = toy_images()
    logits, offsets, _ = run(raw_model(toy_parts(BY[by])), images)
    expected = toy_reference(BY[by]).raw_outputs(images)
    for found, wanted in zip((logits, offsets), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_file_names_what_goes_in_and_out_and_what_it_is():
    parts = toy_parts()
    model = raw_model(parts)
    assert [(value.name, shape(value)) for value in model.graph.input] == [
        ("images", ["batch", 3, 64, 64])
    ]
    count = len(parts.anchors)
    assert [(value.name, shape(value)) for value in model.graph.output] == [
        ("scores", ["batch", count, parts.num_classes]),
        ("offsets", ["batch", count, 4]),
        ("anchors", [count, 4]),
    ]
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(facts["gluon_ssd_model"])["classes"] == ["a", "b", "c"]
    assert facts["gluon_ssd_form"] == "raw"
    assert model.opset_import[0].version == 18


def test_weights_are_no_inputs_and_batch_norm_is_folded():
    model = raw_model(toy_parts())
    assert len(model.graph.initializer) > 3
    assert len(model.graph.input) == 1
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}


def test_a_batch_can_be_fixed():
    model = raw_model(toy_parts(), batch=2)
    assert shape(model.graph.input[0]) == [2, 3, 64, 64]
    assert shape(model.graph.output[0])[0] == 2
    assert run(model, toy_images(2))[0].shape[0] == 2


def test_boxes_that_come_as_corners_have_no_anchors():
    model = raw_model(replace(toy_parts(), anchors=None))
    assert [value.name for value in model.graph.output] == ["scores", "offsets"]


@pytest.mark.parametrize("opset", [17, 23])
def test_an_opset_that_is_not_known_is_refused(opset):
    with pytest.raises(OptionError, match=f"^the opset must be from 18 to 22; got {opset}$"):
        raw_model(toy_parts(), opset=opset)
