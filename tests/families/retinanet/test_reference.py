"""Every number of the network against the published code, for weights made by a rule."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.boxes import center_to_corner, clip_boxes, corner_to_center
from gluon_ssd.detection.decoder import decode_boxes
from gluon_ssd.families.build import build_network, family_of
from gluon_ssd.families.catalog import SPECS
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import assign, parameters_of
from tests import golden_rule
from tests.families.retinanet.builders import (
    NAME,
    boxes_at,
    network_input,
    published_network,
    published_shapes,
)
from tests.golden_files import golden, shared_golden

FILE = "mlperf_retinanet"
TOLERANCE = 2e-5
SIZES = {"256": (256, 256), "300x420": (300, 420), "800": (800, 800)}
EVERY_SIZE = [
    "256",
    "300x420",
    pytest.param("800", marks=pytest.mark.long),
]


@pytest.fixture(scope="module")
def names():
    """What the published state dict holds."""
    path = shared_golden() / "mlperf_retinanet_names.json"
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    return json.loads(path.read_text("utf-8"))


def test_state_dict_is_the_published_one(names):
    network = published_network()
    shapes = published_shapes(network)
    assert shapes == {name: tuple(shape) for name, shape in names["state_dict"]}
    arrays = golden_rule.state_dict(names["state_dict"])
    ours = network.converted(arrays)
    assert ours.keys() | {"cells"} == parameters_of(network).keys()
    back = network.published({**ours, "cells": np.zeros((5, 9, 4))})
    assert list(back) == list(arrays)
    assert all(back[name] is array for name, array in arrays.items())


def test_counts_are_the_published_ones(names):
    network = build_network(NAME)
    learnt = {n: p for n, p in parameters_of(network).items() if p.grad_req != "null"}
    assert list(learnt) == names["parameter_names"]
    assert sum(np.prod(p.shape) for p in learnt.values()) == names["parameters"] == 37_060_652
    network.freeze_base()
    frozen = [name for name, parameter in learnt.items() if parameter.grad_req == "null"]
    assert frozen == names["frozen_parameters"]
    left = sum(np.prod(p.shape) for n, p in learnt.items() if n not in frozen)
    assert left == names["trainable"] == 36_849_004


@pytest.mark.parametrize("size", SIZES)
def test_anchors_are_the_published_ones(size):
    numbers = golden(FILE).part(f"anchors.{size}.")
    network = build_network(NAME)
    corners = center_to_corner(network.anchors(SIZES[size]))
    np.testing.assert_array_equal(corners[numbers["index"]], numbers["rows"])
    np.testing.assert_array_equal(corners.sum(axis=0, dtype="d"), numbers["sums"])
    assert zlib.crc32(corners.tobytes()) == numbers["crc32"]
    assert len(corners) == numbers["count"] == network.num_anchors(SIZES[size])
    np.testing.assert_array_equal(network.level_anchors(SIZES[size]), numbers["levels"])


def test_anchors_of_a_cell_are_the_published_ones():
    cells = parameters_of(build_network(NAME))["cells"].value.asnumpy()
    np.testing.assert_array_equal(center_to_corner(cells), golden(FILE)["anchors.cells"])


@pytest.mark.parametrize("plain_ops", [False, True])
def test_boxes_are_decoded_as_published(plain_ops):
    numbers, decoding = golden(FILE).part("coder."), SPECS[NAME].decoding
    decoded = decode_boxes(
        mx.nd,
        mx.nd.array(numbers["relative"][None]),
        mx.nd.array(corner_to_center(numbers["anchors"])[None]),
        decoding.stds,
        plain_ops=plain_ops,
        size_clip=decoding.size_clip,
    )[0].asnumpy()
    np.testing.assert_allclose(decoded, numbers["decoded"], rtol=1e-6, atol=1e-3)
    clipped = clip_boxes(decoded, (800, 800))
    np.testing.assert_allclose(clipped, numbers["clipped_800"], atol=1e-3)


def features_of(network, images):
    """Every feature map that the published numbers name -> array."""
    body, fpn, head = network.backbone.body, network.backbone.fpn, network.head
    stem = body.maxpool(mx.nd.relu(body.bn1(body.conv1(images))))
    stages = dict(zip(("layer1", "C3", "C4", "C5"), body(images), strict=True))
    levels = fpn(stages["C3"], stages["C4"], stages["C5"])
    found = {"maxpool": stem, **stages}
    found |= {f"P{number}": map_ for number, map_ in enumerate(levels, start=3)}
    towers = {"class_tower": head.classification_head, "box_tower": head.regression_head}
    for name, subnet in towers.items():
        maps = [levels[0], levels[-1]]
        for convolution in subnet.conv:
            maps = [mx.nd.relu(map_) for map_ in convolution(*maps)]
        found |= {f"{name}.P3": maps[0], f"{name}.P7": maps[1]}
    return {name: array.asnumpy() for name, array in found.items()}


@pytest.mark.parametrize("size", EVERY_SIZE)
def test_features_are_the_published_ones(size):
    key = f"output{size}"
    images = mx.nd.array(golden_rule.image(f"retina{size}", (2, 3, *SIZES[size])))
    found = features_of(published_network(), images)
    assert len(found) == 14
    far = {
        name: distance
        for name, array in found.items()
        if (distance := golden_rule.distance(array, golden(FILE), f"{key}.{name}")) > TOLERANCE
    }
    assert not far


@pytest.mark.parametrize("size", EVERY_SIZE)
def test_outputs_are_the_published_ones(size):
    key, network = f"output{size}", published_network()
    images = mx.nd.array(golden_rule.image(f"retina{size}", (2, 3, *SIZES[size])))
    logits, offsets, anchors = (output.asnumpy() for output in network(images))
    np.testing.assert_array_equal(anchors[0], network.anchors(SIZES[size]))
    numbers = golden(FILE)
    ends = np.cumsum(network.level_anchors(SIZES[size]))[:-1]
    for name, array in (("cls_logits", logits), ("bbox_regression", offsets)):
        assert golden_rule.distance(array, numbers, f"{key}.{name}") < TOLERANCE
        expected = numbers[f"{key}.{name}.levels"]
        for level, wanted in zip(np.split(array, ends, axis=1), expected, strict=True):
            assert golden_rule.summary_distance(golden_rule.summary(level), wanted) < TOLERANCE
    sums = numbers[f"{key}.cls_logits.class_sums"]
    np.testing.assert_allclose(logits.sum(axis=1, dtype="d"), sums, rtol=TOLERANCE)
    rows = numbers[f"{key}.anchor_index"]
    for name, array in (("cls_logits", logits), ("bbox_regression", offsets)):
        wanted = numbers[f"{key}.{name}.rows"]
        np.testing.assert_allclose(array[:, rows], wanted, atol=TOLERANCE * np.abs(array).max())


def test_training_step_is_the_published_one():
    numbers = golden(FILE).part("train256.")
    network, trained = published_network(), build_network(NAME)
    values = parameters_of(network)
    for name, parameter in parameters_of(trained).items():
        assign(parameter, values[name].data())
    trained.freeze_base()
    matcher = family_of(trained).target_maker(trained.spec, trained.anchors((256, 256)))
    targets = [
        matcher(boxes_at(numbers[f"boxes_px.{image}"], image, 256), numbers[f"labels.{image}"])
        for image in range(2)
    ]
    classes, boxes = (mx.nd.array(np.stack(column)) for column in zip(*targets, strict=True))
    loss = family_of(trained).loss
    with mx.autograd.record():
        logits, offsets = trained(network_input(256))[:2]
        divisor = loss.divisor(classes.asnumpy())
        parts = loss.parts(logits, offsets, classes, boxes, divisor)
        total = parts["Focal"] + parts["L1"]
    total.backward()
    for part, key in (("Focal", "classification"), ("L1", "bbox_regression")):
        assert float(parts[part].sum().asscalar()) == pytest.approx(float(numbers[key]), rel=1e-5)
    norms = [
        -1.0 if p.grad_req == "null" else float(np.linalg.norm(p.grad().asnumpy().astype("d")))
        for name, p in parameters_of(trained).items()
        if name.endswith((".weight", ".bias"))
    ]
    np.testing.assert_allclose(norms, numbers["grad_norms"], rtol=1e-3)
    for name, parameter in parameters_of(trained).items():
        if name.endswith(("gamma", "beta", "running_mean", "running_var")):
            assert (parameter.data() == values[name].data()).asnumpy().all(), name


@pytest.mark.long
def test_pictures_are_detected_as_the_published_code_does():
    detector = Detector(published_network())
    outputs = [output.asnumpy() for output in detector(network_input(800))]
    for image, (labels, scores, boxes) in enumerate(zip(*outputs, strict=True)):
        numbers = golden(FILE).part(f"end_to_end.{image}.")
        height, width = numbers["size"]
        scale = np.array([width, height, width, height]) / 800
        assert len(labels) == len(numbers["labels"]) == 300
        # Neighbours in score may change places: each is looked for by its label and box.
        left = list(zip(numbers["labels"], numbers["scores"], numbers["boxes_px"], strict=True))
        for label, score, box in zip(labels[:, 0], scores[:, 0], boxes * scale, strict=True):
            fits = [
                number
                for number, (other, _, place) in enumerate(left)
                if other == label and np.abs(place - box).max() < 2e-2
            ]
            assert fits, (image, label, score, box)
            assert left.pop(fits[0])[1] == pytest.approx(score, abs=1e-4)
