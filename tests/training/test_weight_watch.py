from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.training.weight_watch import WeightWatch


def make_layers(count):
    layers = mx.gluon.nn.HybridSequential()
    for _ in range(count):
        layers.add(mx.gluon.nn.Dense(2, in_units=2))
    layers.initialize(ctx=[mx.cpu(0), mx.cpu(1)])
    return layers


def test_nothing_started_counts_as_finite():
    assert WeightWatch(make_layers(1)).is_finite()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("device", [0, 1])
def test_one_bad_value_is_found_on_any_device(device, value):
    layers = make_layers(3)
    watch = WeightWatch(layers)
    watch.start()
    assert watch.is_finite()
    layers[2].bias.list_data()[device][1] = value
    watch.start()
    assert not watch.is_finite()


def test_any_number_of_arrays():
    # 900 arrays; one of the operators for this crashes above 200.
    layers = make_layers(450)
    watch = WeightWatch(layers)
    watch.start()
    assert watch.is_finite()
    layers[449].weight.list_data()[1][0, 0] = np.nan
    watch.start()
    assert not watch.is_finite()
