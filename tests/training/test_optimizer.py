"""SGD by hand on two weights and a bias, whose gradients are chosen."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import WeightsError
from gluon_ssd.training.optimizer import Optimizer, named_parameters
from tests.training.builders import Second

START = (1.0, -2.0, 0.5)
"""The two weights and the bias of `make`."""


def make(contexts=None):
    """y = 1 x0 - 2 x1 + 0.5."""
    network = mx.gluon.nn.Dense(1, in_units=2)
    network.initialize(ctx=contexts or [mx.cpu()])
    network.weight.set_data(mx.nd.array([START[:2]]))
    network.bias.set_data(mx.nd.array([START[2]]))
    return network


def learn(network, *pairs):
    """Backward passes after which the weights' gradient is each pair, one a device or pass."""
    contexts = network.weight.list_ctx()
    for number, pair in enumerate(pairs):
        with mx.autograd.record():
            output = network(mx.nd.array([pair], ctx=contexts[number % len(contexts)]))
        output.backward()


def values(network, device=0):
    arrays = [p.list_data()[device].asnumpy().ravel() for p in (network.weight, network.bias)]
    return np.concatenate(arrays)


def assert_weights(network, *expected, device=0):
    np.testing.assert_allclose(values(network, device), expected, rtol=1e-6)


def test_parameters_have_structural_names_in_order_and_each_is_there_once():
    network = mx.gluon.nn.HybridSequential()
    first = mx.gluon.nn.Dense(2, in_units=2)
    network.add(first, mx.gluon.nn.BatchNorm(in_channels=2))
    network.add(mx.gluon.nn.Dense(2, in_units=2, params=first.params))
    norm = ["1.beta", "1.gamma", "1.running_mean", "1.running_var"]
    assert list(named_parameters(network)) == ["0.bias", "0.weight", *norm]


@pytest.mark.parametrize(("divisor", "share"), [(1.0, 1.0), (4.0, 0.25)])
def test_a_step_goes_against_the_gradient_over_the_divisor(divisor, share):
    network = make()
    optimizer = Optimizer(network, momentum=0, wd=0)
    learn(network, (3, 4))
    optimizer.step(0.1, divisor)
    assert_weights(network, 1 - 0.3 * share, -2 - 0.4 * share, 0.5 - 0.1 * share)
    assert optimizer.state_arrays() == {}


def test_momentum_keeps_a_share_of_the_step_before():
    network = make()
    optimizer = Optimizer(network, momentum=0.5, wd=0)
    for rate in (0.1, 0.01):
        learn(network, (3, 4))
        optimizer.step(rate)
    # Steps of -0.1 g, then of 0.5 (-0.1 g) - 0.01 g.
    assert_weights(network, 1 - 0.16 * 3, -2 - 0.16 * 4, 0.5 - 0.16)
    kept = optimizer.state_arrays()
    assert list(kept) == ["momentum/bias", "momentum/weight"]
    np.testing.assert_allclose(kept["momentum/weight"], [[-0.06 * 3, -0.06 * 4]], rtol=1e-6)
    assert optimizer.num_updates == 2


@pytest.mark.parametrize(("spared", "bias"), [(False, 0.5 - 0.1 * (1 + 0.1)), (True, 0.5 - 0.1)])
def test_weight_decay_is_of_every_parameter_unless_biases_are_spared(spared, bias):
    network = make()
    optimizer = Optimizer(network, momentum=0, wd=0.2, no_wd_on_bias_bn=spared)
    learn(network, (3, 4))
    optimizer.step(0.1)
    assert_weights(network, 1 - 0.1 * (3 + 0.2), -2 - 0.1 * (4 - 0.4), bias)


def test_batch_norm_is_spared_too_and_its_statistics_are_left_alone():
    norm = mx.gluon.nn.BatchNorm(in_channels=2)
    norm.initialize()
    optimizer = Optimizer(norm, momentum=0.9, wd=0.5, no_wd_on_bias_bn=True)
    with mx.autograd.record(train_mode=False):
        output = norm(mx.nd.ones((1, 2, 1, 1))) * 0
    output.backward()
    optimizer.step(1.0)
    assert norm.gamma.data().asnumpy().tolist() == [1, 1]
    assert norm.running_var.data().asnumpy().tolist() == [1, 1]
    assert set(optimizer.state_arrays()) == {"momentum/beta", "momentum/gamma"}


@pytest.mark.parametrize("divisor", [1.0, 3.0])
@pytest.mark.parametrize(
    ("limit", "share"), [(26.0, 1.0), (13.0, 1.0), (6.5, 0.5)], ids=["far", "at", "above"]
)
def test_a_gradient_above_the_limit_is_scaled_down_to_it(limit, share, divisor):
    network = make()
    optimizer = Optimizer(network, momentum=0, wd=0, clip_gradient_norm=limit / divisor)
    # The norm of (3, 4, 12) is 13.
    learn(network, (3, 4))
    network.bias.grad()[:] = 12
    optimizer.step(0.1, divisor)
    step = 0.1 * share / divisor
    assert_weights(network, 1 - 3 * step, -2 - 4 * step, 0.5 - 12 * step)


@pytest.mark.parametrize("clip", [None, 13.0, 6.5])
def test_a_scaled_loss_makes_the_same_step(clip):
    network = make()
    optimizer = Optimizer(network, momentum=0, wd=0, clip_gradient_norm=clip)
    optimizer.trainer._scale = 1 / 8  # as MXNet's AMP does for a loss that is multiplied by 8
    learn(network, (24, 32))
    network.bias.grad()[:] = 96
    optimizer.step(0.1)
    step = 0.05 if clip == 6.5 else 0.1
    assert_weights(network, 1 - 3 * step, -2 - 4 * step, 0.5 - 12 * step)


@pytest.mark.parametrize("clip", [None, 13.0])
def test_a_team_is_no_reason_to_divide_by_more(clip):
    """A trainer of a team divides by the number of processes; this one does not, so twice."""
    network = make()
    optimizer = Optimizer(network, momentum=0, wd=0, clip_gradient_norm=clip, team=Second())
    learn(network, (3, 4))
    network.bias.grad()[:] = 12
    optimizer.step(0.1, 2.0)
    assert_weights(network, 1 - 0.3, -2 - 0.4, 0.5 - 1.2)


def test_devices_add_up_and_end_with_the_same_weights():
    network = make([mx.cpu(0), mx.cpu(1)])
    optimizer = Optimizer(network, momentum=0.9, wd=0)
    learn(network, (3, 4), (1, -1))
    optimizer.step(0.1)
    for device in (0, 1):
        assert_weights(network, 1 - 0.4, -2 - 0.3, 0.5 - 0.2, device=device)


def test_clipping_is_of_the_sum_over_the_devices():
    network = make([mx.cpu(0), mx.cpu(1)])
    optimizer = Optimizer(network, momentum=0, wd=0, clip_gradient_norm=1.5)
    learn(network, (1, 0), (1, -1))  # together (2, -1, 2), of norm 3
    optimizer.step(0.1)
    for device in (0, 1):
        assert_weights(network, 1 - 0.1, -2 + 0.05, 0.5 - 0.1, device=device)


@pytest.mark.parametrize(
    ("accumulates", "step"), [(True, (0.4, 0.3, 0.2)), (False, (0.1, -0.1, 0.1))]
)
def test_gradients_are_added_up_where_asked_for_until_cleared(accumulates, step):
    network = make()
    optimizer = Optimizer(network, momentum=0, wd=0, accumulates=accumulates)
    learn(network, (100, 100))
    optimizer.clear()
    learn(network, (3, 4), (1, -1))
    optimizer.step(0.1)
    assert_weights(network, *np.subtract(START, step))


def test_a_restored_optimiser_goes_on_as_the_first_one_does():
    contexts = [mx.cpu(0), mx.cpu(1)]
    network, other = make(contexts), make(contexts)
    first, second = (Optimizer(n, momentum=0.9, wd=0.01) for n in (network, other))
    learn(network, (3, 4), (0, 0))
    first.step(0.1)
    for parameter, own in zip(
        named_parameters(other).values(), named_parameters(network).values(), strict=True
    ):
        parameter.set_data(own.data())
    second.restore(first.state_arrays(), first.num_updates)
    assert second.num_updates == 1
    for optimizer, each in ((first, network), (second, other)):
        learn(each, (1, 2), (1, 1))
        optimizer.step(0.1)
    assert second.num_updates == 2
    for device in (0, 1):
        np.testing.assert_array_equal(values(other, device), values(network, device))


@pytest.mark.parametrize(
    "name, shape", [("gamma", (2,)), ("weight", (2, 1))], ids=["name", "shape"]
)
def test_momentum_of_another_network_is_refused(name, shape):
    optimizer = Optimizer(make(), momentum=0.9, wd=0)
    with pytest.raises(WeightsError, match=rf"the saved momentum of {name} \(2,.*does not fit"):
        optimizer.restore({f"momentum/{name}": np.zeros(shape, np.float32)}, 3)
    assert optimizer.num_updates == 0
