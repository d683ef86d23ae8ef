from __future__ import annotations

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.families.zoo.tiny import TinyFeatures
from tests.families.builders import built


def test_tiny_network_has_small_maps_and_few_parameters():
    network = built("ssd_160_tiny_custom")
    assert network.feature_sizes() == [(20, 20), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)]
    assert network.num_anchors() == 400 * 4 + 100 * 6 + 25 * 6 + 9 * 6 + 4 * 4 + 4


def test_maps_of_any_size_are_halved_level_by_level():
    features = TinyFeatures(pretrained=False)  # what GluonCV's SSD hands over beside
    features.initialize()
    maps = features(mx.nd.zeros((2, 3, 64, 96)))
    assert [each.shape for each in maps] == [
        (2, 64, 8, 12),
        (2, 128, 4, 6),
        (2, 128, 2, 3),
        (2, 128, 1, 2),
        (2, 128, 1, 1),
        (2, 128, 1, 1),
    ]
    assert all((each.asnumpy() >= 0).all() for each in maps)


def test_number_of_parameters_by_hand():
    features = TinyFeatures()
    features.infer_shape(mx.nd.zeros((1, 3, 64, 64)))
    parameters = features.collect_params().values()
    channels = [3, 16, 32, 64, 64, 128, 128, 128, 128, 128, 128, 128]
    # 3x3 kernels without bias, and the four values of each channel's batch norm.
    expected = sum(
        9 * one * two + 4 * two for one, two in zip(channels, channels[1:], strict=False)
    )
    assert sum(int(np.prod(parameter.shape)) for parameter in parameters) == expected


def test_batch_norm_may_be_another_one():
    made = []

    def norm(**options):
        made.append(options)
        return mx.gluon.nn.BatchNorm()

    TinyFeatures(norm_layer=norm, norm_kwargs={"epsilon": 0.1})
    assert made == [{"epsilon": 0.1}] * 11
