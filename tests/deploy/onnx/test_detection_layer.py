"""Detections of ONNX files beside those of MXNet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.deploy.mxnet.files import read_exported
from gluon_ssd.deploy.mxnet.parts import detector_parts
from gluon_ssd.deploy.mxnet.plain import PlainDetector
from gluon_ssd.errors import ModelError, OptionError
from tests.deploy.conftest import INPUT_HW, random_images
from tests.deploy.onnx.test_convert import run, shape
from tests.deploy.toy_parts import BY, toy_images, toy_parts, toy_reference

pytestmark = pytest.mark.onnx
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from gluon_ssd.deploy.onnx.detection_layer import detections_model, zoo_model  # noqa: E402

ONE_CLASS = replace(BY["image"], one_class=True, score_strict=False, strict=False, clips=True)
DECODINGS = {
    **BY,
    "all candidates": replace(BY["image"], nms_topk=-1, post_nms=20),
    "more rows than candidates": replace(BY["image"], nms_topk=5, post_nms=9),
    "few of each class": replace(BY["class"], nms_topk=4, post_nms=7),
    "earlier first": replace(BY["class"], later_wins=False),
    "few of each level": replace(BY["level"], nms_topk=3, post_nms=-1),
    "high threshold": replace(BY["image"], score_thresh=0.9999),
    "reaching the overlap is enough": replace(BY["image"], strict=False, nms_thresh=0.3),
    "across classes": replace(BY["image"], per_class=False),
    "one class": ONE_CLASS,
    "one class, all anchors": replace(ONE_CLASS, nms_topk=-1, post_nms=-1, per_class=False),
}


@pytest.mark.parametrize("name", DECODINGS)
def test_the_projects_form_gives_what_mxnet_gives(name):
    decoding, images = DECODINGS[name], toy_images()
    expected = toy_reference(decoding).detect(images)
    ids, scores, bboxes = run(detections_model(toy_parts(decoding)), images)
    assert (ids.dtype, scores.dtype, bboxes.dtype) == (np.float32,) * 3
    np.testing.assert_array_equal(ids[..., 0], expected[..., 0])
    np.testing.assert_allclose(scores[..., 0], expected[..., 1], atol=1e-6)
    np.testing.assert_allclose(bboxes, expected[..., 2:], atol=2e-4)
    assert (ids >= 0).any() or name == "high threshold"


@pytest.mark.parametrize("name", DECODINGS)
def test_the_zoos_form_gives_the_same_boxes_as_shares(name):
    decoding, images = DECODINGS[name], toy_images(1)
    (expected,) = toy_reference(decoding).detect(images)
    expected = expected[expected[:, 0] >= 0]
    bboxes, labels, scores = run(zoo_model(toy_parts(decoding)), images)
    assert bboxes.shape == (1, len(expected), 4)
    assert (labels.dtype, labels.shape, scores.shape) == (
        np.int64,
        (1, len(expected)),
        labels.shape,
    )
    np.testing.assert_array_equal(labels[0], expected[:, 0] + 1)
    np.testing.assert_allclose(scores[0], expected[:, 1], atol=1e-6)
    np.testing.assert_allclose(bboxes[0] * 64, expected[:, 2:], atol=2e-4)


@pytest.fixture(scope="module")
def zoo(zoo_prefix):
    exported = read_exported(zoo_prefix)
    return PlainDetector(exported, INPUT_HW), detector_parts(exported, input_size_hw=INPUT_HW)


def test_gluoncvs_own_export_with_a_background(zoo):
    reference, parts = zoo
    images = random_images(3)
    expected = reference.detect(images)
    ids, scores, bboxes = run(detections_model(parts), images)
    np.testing.assert_array_equal(ids[..., 0], expected[..., 0])
    np.testing.assert_allclose(scores[..., 0], expected[..., 1], atol=1e-5)
    np.testing.assert_allclose(bboxes, expected[..., 2:], atol=1e-2)
    assert (ids >= 0).sum() > 30


def test_equal_scores_come_in_mxnets_order():
    decoding = BY["image"]
    parts = toy_parts(decoding)
    flat = replace(parts, arrays={n: np.zeros_like(a) for n, a in parts.arrays.items()})
    ids, scores, bboxes = run(detections_model(flat), toy_images(1))
    there = ids[0, :, 0] >= 0
    assert len(np.unique(scores[0, there])) == 1
    assert (np.diff(ids[0, there, 0]) >= 0).all()  # by class, then by anchor
    sizes = flat.anchors[:, 2:] / 2
    corners = np.hstack([flat.anchors[:, :2] - sizes, flat.anchors[:, :2] + sizes])
    np.testing.assert_allclose(bboxes[0, 0], corners[0], atol=1e-5)


def test_the_forms_name_their_outputs():
    parts = toy_parts()
    count = run(detections_model(parts), toy_images(1))[0].shape[1]
    assert [(v.name, shape(v)) for v in detections_model(parts).graph.output] == [
        ("ids", ["batch", count, 1]),
        ("scores", ["batch", count, 1]),
        ("bboxes", ["batch", count, 4]),
    ]
    assert [(v.name, shape(v)) for v in zoo_model(parts).graph.output] == [
        ("bboxes", [1, "nbox", 4]),
        ("labels", [1, "nbox"]),
        ("scores", [1, "nbox"]),
    ]


def test_the_zoos_form_is_of_one_image():
    with pytest.raises(
        OptionError, match="^the zoo form holds the boxes of one image; got a batch"
    ):
        zoo_model(toy_parts(), batch=2)


def test_without_suppression_there_is_the_raw_form_alone():
    parts = toy_parts()
    record = replace(parts.record, decoding=replace(parts.record.decoding, nms_thresh=1.0))
    with pytest.raises(ModelError, match="suppresses nothing, .* write the raw form$"):
        detections_model(replace(parts, record=record))
