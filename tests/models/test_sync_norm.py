from __future__ import annotations

import re

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.models.sync_norm import SyncBatchNorm

X = np.array([[[1.0, 3.0]], [[5.0, 7.0]]], np.float32)  # (2, 1, 2): mean 4, variance 5


def test_parameters_are_named_as_those_of_the_ordinary_one():
    ours = SyncBatchNorm(in_channels=1, num_devices=2)
    ordinary = mx.gluon.nn.BatchNorm(in_channels=1)
    names = [
        [name.removeprefix(layer.prefix) for name in layer.collect_params()]
        for layer in (ours, ordinary)
    ]
    assert names[0] == names[1] == ["gamma", "beta", "running_mean", "running_var"]
    assert re.fullmatch(r"batchnorm\d+_", ours.prefix)


def test_one_device_normalises_as_the_ordinary_one_does():
    layer = SyncBatchNorm(in_channels=1, num_devices=1, epsilon=0.0)
    layer.initialize()
    with mx.autograd.record():
        output = layer(mx.nd.array(X))
    np.testing.assert_allclose(output.asnumpy(), (X - 4) / np.sqrt(5), rtol=1e-5)
