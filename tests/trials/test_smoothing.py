"""The loss on smoothed class targets."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.multibox_loss import multibox_loss
from scripts.trials.smoothing import smoothed_loss


def batch():
    rng = np.random.default_rng(0)
    targets = np.zeros((2, 30), np.float32)
    targets[0, :3], targets[1, 5] = (1, 2, 3), 2
    arrays = rng.normal(size=(2, 30, 4)), rng.normal(size=(2, 30, 4)), targets
    return [*map(mx.nd.array, (*arrays, rng.normal(size=(2, 30, 4)))), 4.0]


def test_without_a_share_it_is_the_loss_itself():
    smoothed, plain = smoothed_loss(*batch(), share=0.0), multibox_loss(*batch())
    for name, value in plain.items():
        np.testing.assert_array_equal(smoothed[name].asnumpy(), value.asnumpy())


def test_the_share_is_the_mean_over_all_classes():
    half, plain = smoothed_loss(*batch(), share=0.5), multibox_loss(*batch())
    logits, _, targets, _, count = (v.asnumpy() if hasattr(v, "asnumpy") else v for v in batch())
    logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    for image in range(2):
        negative = np.where(targets[image] == 0, -logs[image, :, 0], -np.inf)
        positives = np.flatnonzero(targets[image])
        chosen = [*positives, *np.argsort(-negative)[: 3 * len(positives)]]
        even = -logs[image, chosen].mean(axis=-1).sum() / count
        expected = 0.5 * plain["CrossEntropy"].asnumpy()[image] + 0.5 * even
        assert half["CrossEntropy"].asnumpy()[image] == pytest.approx(expected, rel=1e-5)
