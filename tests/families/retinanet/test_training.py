"""RetinaNet learns from random weights, on a CPU."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.evaluation.detections import collect_ground_truth
from gluon_ssd.evaluation.voc_map import evaluate_voc
from gluon_ssd.families.build import build_network, family_of
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import initialize, parameters_of
from tests.evaluation.builders import annotation, detections
from tests.families.retinanet.test_network import CUSTOM, THREE

SIDE = 96


def drawn(count):
    """Images float32 (count, 3, SIDE, SIDE) with a box or two each, whose channel is the class."""
    rng = np.random.default_rng(0)
    images = rng.normal(0, 0.2, (count, 3, SIDE, SIDE)).astype("f")
    annotations = []
    for image in images:
        boxes, labels = [], []
        for half in range(int(rng.integers(1, 3))):
            width, height = (int(side) for side in rng.integers(24, 40, 2))
            x = half * SIDE // 2 + int(rng.integers(0, SIDE // 2 - width))
            y = int(rng.integers(0, SIDE - height))
            label = int(rng.integers(3))
            image[label, y : y + height, x : x + width] += 2
            boxes.append([x, y, x + width, y + height])
            labels.append(label)
        annotations.append(annotation(boxes, labels))
    return images, annotations


class Learner:
    """A network of random weights and Adam, as published: no decay, rate 1e-4."""

    def __init__(self, images, annotations):
        self.network = build_network(CUSTOM, classes=THREE)
        initialize(self.network)
        self.network.hybridize(static_alloc=True, static_shape=True)
        self.loss = family_of(self.network).loss
        matcher = family_of(self.network).target_maker(
            self.network.spec, self.network.anchors((SIDE, SIDE))
        )
        targets = [matcher(each.boxes_px, each.labels) for each in annotations]
        self.arrays = [images, *(np.stack(column) for column in zip(*targets, strict=True))]
        trained = {n: p for n, p in parameters_of(self.network).items() if p.grad_req != "null"}
        self.trainer = mx.gluon.Trainer(trained, "adam", {"learning_rate": 1e-4})

    def step(self, chosen):
        """Learn from images of these numbers; returns their loss."""
        images, classes, boxes = (mx.nd.array(array[chosen]) for array in self.arrays)
        with mx.autograd.record():
            logits, offsets = self.network(images)[:2]
            divisor = self.loss.divisor(classes.asnumpy())
            parts = self.loss.parts(logits, offsets, classes, boxes, divisor)
            total = parts["Focal"] + parts["L1"]
        total.backward()
        self.trainer.step(1)
        return float(total.sum().asscalar())


def test_loss_falls_at_once():
    images, annotations = drawn(2)
    learner = Learner(images, annotations)
    losses = [learner.step([0, 1]) for _ in range(9)]
    assert losses[-1] < 0.75 * losses[0]
    body = learner.network.backbone.body
    assert (body.bn1.gamma.data() == 1).asnumpy().all()
    assert not body.layer4[2].bn3.running_mean.data().asnumpy().any()


def mean_average_precision(network, images, annotations):
    rows = []
    for number, outputs in enumerate(zip(*Detector(network)(mx.nd.array(images)), strict=True)):
        labels, scores, boxes = (output.asnumpy() for output in outputs)
        rows += [
            (number, label, score, *box)
            for label, score, box in zip(labels[:, 0], scores[:, 0], boxes, strict=True)
            if label >= 0
        ]
    found = detections(rows, len(images), (SIDE, SIDE), (SIDE, SIDE))
    return evaluate_voc(found, collect_ground_truth(annotations), THREE, year=2012).score


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_eight_images_are_learnt_by_heart():
    images, annotations = drawn(8)
    learner = Learner(images, annotations)
    order = np.random.default_rng(1)
    for epoch in range(50):
        for chosen in np.split(order.permutation(8), 2):
            learner.step(chosen)
        if epoch % 10 == 9 and mean_average_precision(learner.network, images, annotations) > 0.95:
            return
    raise AssertionError(mean_average_precision(learner.network, images, annotations))
