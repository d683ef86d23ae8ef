"""Images to detections, by deployed SSD networks with the weights behind the golden numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.export import trace_detector
from gluon_ssd.deploy.mxnet.model import deploy
from gluon_ssd.detection.boxes import decode_boxes
from gluon_ssd.detection.compiled_decoding import best_of_classes_compiled
from gluon_ssd.models.detector import Detector
from tests import golden_rule as rule
from tests.families.golden_ssd import rule_network
from tests.golden_files import golden

TOLERANCE = 1e-5  # of scores, and of boxes in fractions of the image

SLOW = pytest.mark.long
# Name -> (golden file, what its keys start with, changes of the decoding, falling scores).
PUBLISHED = [
    ("ssd300_resnet18_coco", "nvidia_ssd300", "resnet18.detections", {}, False),
    ("ssd300_resnet34_coco", "nvidia_ssd300", "resnet34.detections", {}, False),
    ("ssd300_resnet50_coco", "nvidia_ssd300", "resnet50.detections", {}, False),
    pytest.param(
        "ssd300_resnet101_coco", "nvidia_ssd300", "resnet101.detections", {}, False, marks=SLOW
    ),
    pytest.param(
        "ssd300_resnet152_coco", "nvidia_ssd300", "resnet152.detections", {}, False, marks=SLOW
    ),
    ("ssd_resnet34_300_coco", "mlperf_ssd_r34", "s300.output.detections", {}, False),
    pytest.param(
        "ssd_resnet34_1200_coco", "mlperf_ssd_r34", "s1200.output.detections", {}, False, marks=SLOW
    ),
    pytest.param(
        "ssd_resnet34_1200_coco",
        "mlperf_ssd_r34",
        "s1200.output.onnx_detections",
        {"nms_topk": -1, "strict": True},
        True,
        marks=SLOW,
    ),
]


@pytest.mark.parametrize(("name", "file", "key", "changes", "falling"), PUBLISHED)
def test_detections_are_the_published_ones(name, file, key, changes, falling):
    numbers = golden(file).part(f"{key}.")
    network = rule_network(name)
    side = network.input_size_hw[0]
    decoding = replace(network.spec.decoding, **changes)
    detector = Detector(network, decoding)
    model = deploy(trace_detector(detector, network.record(decoding=decoding)))
    ids, scores, boxes = (
        output.asnumpy() for output in model.run(rule.image(f"ssd{side}", (2, 3, side, side)))
    )
    for image in range(2):
        step = 1 if falling else -1
        labels, found, places = (
            numbers[f"{image}.{part}"][::step] for part in ("labels", "scores", "boxes")
        )
        np.testing.assert_allclose(scores[image, :, 0], found, atol=TOLERANCE)
        # Scores of random weights lie close: neighbours may swap where they differ by rounding.
        same = ids[image] == labels - 1
        same &= np.abs(scores[image] - found) < TOLERANCE
        apart = np.abs(boxes[image][:, None] / side - places).max(axis=2)
        same &= apart < TOLERANCE
        assert same.any(axis=0).all() and same.any(axis=1).all()


@pytest.mark.long
def test_the_published_1200_module_finds_other_boxes_by_its_defect():
    """Its overlap of boxes that lie apart on both axes is not 0; see `nms_as_published`."""
    golden("mlperf_ssd_r34")["s1200.output.module_detections.0.scores"]  # skips without it
    network = rule_network("ssd_resnet34_1200_coco")
    network.hybridize()
    logits, offsets, anchors = network(mx.nd.array(rule.image("ssd1200", (2, 3, 1200, 1200))))
    scores = mx.nd.softmax(logits, axis=-1).asnumpy()
    for image in range(2):
        numbers = golden("mlperf_ssd_r34").part(f"s1200.output.module_detections.{image}.")
        best = best_of_classes_compiled(scores[image], network.spec.decoding)
        boxes = decode_boxes(offsets[image].asnumpy(), anchors[0].asnumpy())[best.anchor] / 1200
        kept = [
            index
            for label in range(80)
            for index in nms_as_published(boxes, np.flatnonzero(best.label == label))
        ]
        found = np.array(sorted(kept, key=lambda index, best=best: -best.score[index])[:200])
        np.testing.assert_allclose(best.score[found], numbers["scores"][::-1], atol=TOLERANCE)
        same = best.label[found][:, None] == numbers["labels"][::-1] - 1
        same &= np.abs(boxes[found][:, None] - numbers["boxes"][::-1]).max(axis=2) < TOLERANCE
        assert same.any(axis=0).all()


def nms_as_published(boxes, candidates):
    """Which of some boxes stay; the sides of an overlap may both be negative."""
    kept = []
    for index in candidates:
        box, others = boxes[index], boxes[kept]
        sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
        shared = sides.prod(axis=1)
        areas = [(each[..., 2:] - each[..., :2]).prod(axis=-1) for each in (box, others)]
        if (shared / (areas[0] + areas[1] - shared) < np.float32(0.5)).all():
            kept.append(index)
    return kept
