"""Moving averages of weights: the formula, their place in the network, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import WeightsError
from gluon_ssd.training.weight_average import WeightAverage
from tests.training.builders import arrays_of, assert_same_weights, make_network


def one_weight(value):
    dense = mx.gluon.nn.Dense(1, in_units=1, use_bias=False)
    dense.initialize(mx.init.Constant(value))
    return dense


def steps(average, dense, values):
    found = []
    for value in values:
        dense.weight.data()[:] = value
        average.update()
        found.append(float(average.means["weight"].asnumpy()[0, 0]))
    return found


def test_the_first_steps_have_decays_of_their_own():
    dense = one_weight(11.0)
    found = steps(WeightAverage(dense, 0.998), dense, [0.0, 6.0, 13.0])
    # Decays 2/11, 3/12, 4/13.
    assert found == pytest.approx([2.0, 0.25 * 2 + 0.75 * 6, 4 / 13 * 5 + 9 / 13 * 13])


def test_a_small_decay_holds_from_its_step_on():
    dense = one_weight(0.0)
    found = steps(WeightAverage(dense, 0.25), dense, [11.0, 1.0, 5.0])
    assert found == pytest.approx([9.0, 3.0, 4.5])


def test_many_steps_are_those_of_numpy():
    dense, rng = one_weight(0.5), np.random.default_rng(0)
    values = rng.normal(size=3000)
    expected = 0.5
    for number, value in enumerate(values, start=1):
        decay = min(0.99, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * value
    assert steps(WeightAverage(dense, 0.99), dense, values)[-1] == pytest.approx(expected, abs=1e-6)


def test_constants_and_frozen_layers_have_none():
    network = make_network()
    norm = network.features[1]
    for parameter in (network.features[0].weight, norm.gamma, norm.beta):
        parameter.grad_req = "null"
    found = WeightAverage(network, 0.9).means
    assert set(found) == {
        *("boxes.bias", "boxes.weight", "classes.bias", "classes.weight", "features.3.weight"),
        *(f"features.4.{kind}" for kind in ("beta", "gamma", "running_mean", "running_var")),
    }
    assert {str(np.dtype(mean.dtype)) for mean in found.values()} == {"float32"}


@pytest.fixture
def two():
    """A network whose statistics differ between its devices, and averages unlike its weights."""
    network = make_network([mx.cpu(0), mx.cpu(1)])
    average = WeightAverage(network, 0.9)
    rng = np.random.default_rng(1)
    for name in average.means:
        for copy in network._collect_params_with_prefix()[name].list_data():
            copy[:] = rng.normal(size=copy.shape, scale=1e-3).astype("float32")
    average.update()
    return network, average


def every_copy(network):
    parameters = network._collect_params_with_prefix().items()
    return {
        f"{name}@{device}": copy.asnumpy()
        for name, parameter in parameters
        for device, copy in enumerate(parameter.list_data())
    }


def test_they_are_put_on_all_devices_and_the_weights_come_back_to_the_last_bit(two):
    network, average = two
    before, means = every_copy(network), {n: m.asnumpy() for n, m in average.means.items()}
    seen = {}
    with pytest.raises(ZeroDivisionError), average.in_place():
        # As validation does, which lets oneDNN turn the weights around in their memory.
        for device in (0, 1):
            network(mx.nd.ones((1, 3, 16, 16), ctx=mx.cpu(device)))[0].wait_to_read()
        seen = every_copy(network)
        raise ZeroDivisionError
    for key, array in seen.items():
        name = key.partition("@")[0]
        np.testing.assert_array_equal(array, means.get(name, before[key]), err_msg=key)
        assert name == "anchors" or not np.array_equal(array, before[key]), key
    assert_same_weights(every_copy(network), before)
    assert_same_weights({n: m.asnumpy() for n, m in average.means.items()}, means)


def test_the_weights_come_back_where_their_averages_cannot_be_put(two, monkeypatch):
    network, average = two
    before = every_copy(network)
    monkeypatch.delitem(average._means, "features.4.gamma")
    with pytest.raises(KeyError), average.in_place():
        raise AssertionError("it was not to begin")
    assert_same_weights(every_copy(network), before)


def saved(average):
    return {key.partition("/")[2]: array for key, array in average.arrays().items()}


def test_they_are_saved_and_taken_up(two):
    _, average = two
    other = WeightAverage(make_network(), 0.5)
    other.restore(saved(average), 7)
    assert other.steps == 7
    assert_same_weights(other.arrays(), average.arrays())
    assert average.facts() == {"decay": 0.9, "steps": 1}


def test_they_begin_anew_with_the_weights(two):
    network, average = two
    average.restart()
    assert average.steps == 0
    own = arrays_of(network)
    assert_same_weights(saved(average), {name: own[name] for name in average.means})


@pytest.mark.parametrize(
    ("changed", "said", "settings"),
    [
        ({"boxes.bias": None}, "differ in boxes.bias, as where other layers", ("freeze",)),
        ({"anchors": np.zeros((1, 32, 4), "f4")}, "differ in anchors", ("freeze",)),
        ({"boxes.bias": np.zeros(7, "f4")}, r"of boxes.bias \(7,\) float32 does not", ()),
        ({"boxes.bias": np.zeros(8, "f8")}, r"of boxes.bias \(8,\) float64 does not", ()),
    ],
    ids=["fewer", "more", "shape", "type"],
)
def test_others_are_refused_before_anything_changes(two, changed, said, settings):
    _, average = two
    before = average.arrays()
    arrays = {name: array + 1 for name, array in saved(average).items()} | changed
    arrays = {name: array for name, array in arrays.items() if array is not None}
    with pytest.raises(WeightsError, match=said) as caught:
        average.restore(arrays, 3)
    assert caught.value.settings == settings
    assert average.steps == 1
    assert_same_weights(average.arrays(), before)
