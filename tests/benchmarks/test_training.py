from __future__ import annotations

import numpy as np

from gluon_ssd.benchmarks.training import make_learner, random_batch, random_network, take_steps
from gluon_ssd.compat import mx

NAME, CLASSES = "ssd_160_tiny_custom", ("ant", "bee")


def test_a_batch_is_noise_with_as_many_positive_anchors_as_real_images():
    network = random_network(NAME, mx.cpu(), CLASSES)
    batch = random_batch(network, 2)
    num_anchors = network.num_anchors()
    shapes = {name: array.shape for name, array in batch.arrays.items()}
    assert shapes == {
        "image": (2, 3, 160, 160),
        "class_targets": (2, num_anchors),
        "box_targets": (2, num_anchors, 4),
    }
    assert batch.indices.tolist() == [0, 1]
    classes, boxes = batch.arrays["class_targets"], batch.arrays["box_targets"]
    assert (classes > 0).sum(1).tolist() == [30, 30] and set(np.unique(classes)) == {0, 1, 2}
    np.testing.assert_array_equal((boxes != 0).any(2), classes > 0)
    again, other = random_batch(network, 2), random_batch(network, 2, seed=1)
    np.testing.assert_array_equal(again.arrays["image"], batch.arrays["image"])
    assert (other.arrays["image"] != batch.arrays["image"]).all()


def test_every_batch_is_a_step_of_the_real_loop_that_changes_nearly_nothing():
    network = random_network(NAME, mx.cpu(), CLASSES)
    bias = network.class_predictors[0].predictor.bias
    batch = random_batch(network, 2)
    steps = take_steps(make_learner(network, mx.cpu()), [batch, batch])
    assert [step.batch for step in steps] == [0, 1]
    assert [step.rate for step in steps] == [1e-6, 1e-6]
    assert steps[0].losses["CrossEntropy"] > 0
    assert 0 < np.abs(bias.data().asnumpy()).max() < 1e-3
