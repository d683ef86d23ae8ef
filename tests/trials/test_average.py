"""Averages of weights."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.training.optimizer import named_parameters
from scripts.trials.average import Average
from tests.entry_builders import sure_network

NAME = "class_predictors.0.predictor.bias"


@pytest.fixture
def bias():
    network = sure_network()
    return network, named_parameters(network)[NAME].data()


@pytest.mark.parametrize(
    ("grows", "decays"),
    [(False, [0.75] * 5), (True, [min(0.75, n / (n + 9)) for n in range(3, 8)])],
)
def test_it_is_the_moving_average(bias, grows, decays):
    network, array = bias
    average = Average(network, 0.75, grows=grows)
    array[:] = 1
    average.add()
    expected = 1.0
    for value, decay in enumerate(decays):
        array[:] = value
        average.add()
        expected = decay * expected + (1 - decay) * value
    with average.in_place():
        np.testing.assert_allclose(array.asnumpy(), expected, rtol=1e-6)
    np.testing.assert_array_equal(array.asnumpy(), value)


def test_the_weights_come_back_after_an_error(bias):
    network, array = bias
    average = Average(network, 0.5, grows=False)
    array[:] = 1
    average.add()
    array[:] = 3
    with pytest.raises(ZeroDivisionError), average.in_place():
        raise ZeroDivisionError
    np.testing.assert_array_equal(array.asnumpy(), 3)
