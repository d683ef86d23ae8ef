"""The rules of updates against trajectories of the published trainers, and against plain loops.

tests/golden/optimizers.json holds what PyTorch computed: the keys `sgd.*`, `decay_split` and
`adam.*` of the published NVIDIA SSD300 and MLPerf RetinaNet, and `s300.warmup` of MLPerf SSD-R34.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import OptionError, WeightsError
from gluon_ssd.training.optimizer import Optimizer
from gluon_ssd.training.update_rules import RULES, rule_of
from tests.training.builders import Second

GOLDEN = {
    key: np.array(value)
    for key, value in json.loads(
        (Path(__file__).parents[1] / "golden" / "optimizers.json").read_text()
    ).items()
}
FILES = {"sgd": "nvidia_ssd300", "adam": "mlperf_retinanet", "s300": "mlperf_ssd_r34"}


class Values(mx.gluon.Block):
    """Two parameters, `weight` and `bias`, of given values."""

    def __init__(self, weight, bias):
        super().__init__()
        with self.name_scope():
            self.weight = self.params.get("weight", shape=len(weight))
            self.bias = self.params.get("bias", shape=len(bias))
        self.initialize()
        self.put(weight, bias)

    def put(self, weight, bias):
        for parameter, values in ((self.weight, weight), (self.bias, bias)):
            parameter.set_data(mx.nd.array(np.asarray(values, np.float32)))

    def forward(self, weight, bias):
        return (self.weight.data() * weight).sum() + (self.bias.data() * bias).sum()

    def values(self):
        return np.concatenate([self.weight.data().asnumpy(), self.bias.data().asnumpy()])

    def learn(self, gradient):
        """A backward pass whose gradients are the given values."""
        size = self.weight.shape[0]
        parts = [mx.nd.array(np.asarray(p, np.float32)) for p in np.split(gradient, [size])]
        with mx.autograd.record():
            total = self(*parts)
        total.backward()


def follow(optimizer, network, gradients, rates):
    """The values after every step, (steps, values)."""
    found = []
    for gradient, rate in zip(gradients, rates, strict=True):
        optimizer.clear()
        network.learn(gradient)
        optimizer.step(float(rate))
        found.append(network.values())
    return np.array(found)


def distance(found, expected):
    """The largest relative error; steps are a few hundredths, values near 1."""
    return float(np.max(np.abs(found - expected) / np.maximum(np.abs(expected), 0.1)))


@pytest.mark.parametrize("year", ["2022", "2020"])
def test_nvidias_sgd_is_followed(year):
    """Weight decay on the first five values alone; the rates hold warm-up and decay."""
    start = GOLDEN["sgd.start"]
    network = Values(start[:5], start[5:])
    optimizer = Optimizer(network, momentum=0.9, wd=5e-4, rule="sgd_torch", no_wd_on_bias_bn=True)
    found = follow(optimizer, network, GOLDEN["sgd.gradients"], GOLDEN[f"sgd.{year}.lr"])
    assert distance(found, GOLDEN[f"sgd.{year}.parameters"]) < 1e-6


def test_mxnets_momentum_parts_from_it_where_the_rate_changes():
    start = GOLDEN["sgd.start"]
    network = Values(start[:5], start[5:])
    optimizer = Optimizer(network, momentum=0.9, wd=5e-4, no_wd_on_bias_bn=True)
    found = follow(optimizer, network, GOLDEN["sgd.gradients"], GOLDEN["sgd.2022.lr"])
    expected = GOLDEN["sgd.2022.parameters"]
    # Without a rate there is no step; with a rising one MXNet's momentum lags behind.
    np.testing.assert_array_equal(found[0], expected[0].astype(np.float32))
    assert distance(found, expected) > 1e-2


def test_retinanets_adam_is_followed():
    """The last gradients are so small that the place of epsilon shows."""
    start = GOLDEN["adam.start"]
    network = Values(start[:4], start[4:])
    optimizer = Optimizer(network, momentum=0.9, wd=0, rule="adam")
    found = follow(optimizer, network, GOLDEN["adam.gradients"], GOLDEN["adam.lr"])
    assert distance(found, GOLDEN["adam.parameters"]) < 1e-6
    # The steps of the value with gradients of 1e-10, on their own.
    steps, expected = (np.diff(v[:, 5].astype(float)) for v in (found, GOLDEN["adam.parameters"]))
    assert np.max(np.abs(expected)) > 1e-5
    np.testing.assert_allclose(steps, expected, atol=2e-7)


def torch_adam(start, gradients, rates, wd):
    """Adam as torch.optim.Adam writes it, by plain float64 loops."""
    value, mean, variance = start, 0.0, 0.0
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        gradient = gradient + wd * value
        mean = 0.9 * mean + 0.1 * gradient
        variance = 0.999 * variance + 0.001 * gradient**2
        root = np.sqrt(variance / (1 - 0.999**step))
        value = value - rate * mean / (1 - 0.9**step) / (root + 1e-8)
    return value


def test_weight_decay_of_adam_is_added_to_the_gradient():
    gradients = np.random.default_rng(4).normal(size=(40, 3)) * [1, 1e-3, 1]
    rates = np.linspace(0.01, 0.002, 40)
    network = Values([1.0, -2.0], [0.5])
    optimizer = Optimizer(network, momentum=0, wd=0.3, rule="adam")
    found = follow(optimizer, network, gradients, rates)[-1]
    expected = [
        torch_adam(value, gradients[:, n], rates, 0.3) for n, value in enumerate((1.0, -2.0, 0.5))
    ]
    np.testing.assert_allclose(found, expected, rtol=2e-6)


def torch_sgd(start, gradients, rates, momentum, wd):
    value, velocity = start, 0.0
    for gradient, rate in zip(gradients, rates, strict=True):
        velocity = momentum * velocity + gradient + wd * value
        value = value - rate * velocity
    return value


@pytest.mark.parametrize("momentum", [0.0, 0.7])
def test_torchs_sgd_by_a_plain_loop(momentum):
    gradients = np.random.default_rng(5).normal(size=(30, 3))
    rates = np.r_[np.linspace(0, 0.1, 10), np.full(20, 0.01)]
    network = Values([1.0, -2.0], [0.5])
    optimizer = Optimizer(network, momentum=momentum, wd=0.2, rule="sgd_torch")
    found = follow(optimizer, network, gradients, rates)[-1]
    expected = [
        torch_sgd(value, gradients[:, n], rates, momentum, 0.2)
        for n, value in enumerate((1.0, -2.0, 0.5))
    ]
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)
    assert bool(optimizer.state_arrays()) is bool(momentum)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("setting", ["accumulates", "clips", "team", "divides", "scaled"])
def test_every_rule_sees_the_same_gradient_however_it_comes_about(rule, setting):
    """The gradient (3, 4, 12), of norm 13, in each case."""
    gradient = np.array([3.0, 4.0, 12.0])
    plain, other = Values([1.0, -2.0], [0.5]), Values([1.0, -2.0], [0.5])
    settings = {"momentum": 0.9, "wd": 0.1, "rule": rule}
    first = Optimizer(plain, **settings)
    extra = {
        "accumulates": {"accumulates": True},
        "clips": {"clip_gradient_norm": 13.0},
        "team": {"team": Second()},
    }
    second = Optimizer(other, **settings, **extra.get(setting, {}))
    for _ in range(3):
        plain.learn(gradient)
        first.step(0.1)
        second.clear()
        factor = {"clips": 2.0, "divides": 4.0, "scaled": 8.0}.get(setting, 1.0)
        if setting == "accumulates":
            other.learn(gradient / 4)
            factor = 0.75
        if setting == "scaled":
            second.trainer._scale = 1 / 8  # as AMP does for a loss that is multiplied by 8
        other.learn(gradient * factor)
        # The second of two processes here adds nothing up and still doubles, so its sum is halved.
        second.step(0.1, {"divides": factor, "team": 2.0}.get(setting, 1.0))
    np.testing.assert_allclose(other.values(), plain.values(), rtol=1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_a_restored_state_goes_on_to_the_same_bits(rule):
    generator = np.random.default_rng(6)
    network, other = Values([1.0, -2.0], [0.5]), Values([0.0, 0.0], [0.0])
    settings = {"momentum": 0.9, "wd": 0.01, "rule": rule}
    first, second = (Optimizer(n, **settings) for n in (network, other))
    follow(first, network, generator.normal(size=(3, 3)), [0.1] * 3)
    other.put(network.weight.data().asnumpy(), network.bias.data().asnumpy())
    saved = first.state_arrays()
    assert {key.partition("/")[0] for key in saved} == set(RULES[rule].slots)
    second.restore(saved, first.num_updates)
    gradients = generator.normal(size=(3, 3))
    ends = [follow(o, n, gradients, [0.05] * 3) for o, n in ((first, network), (second, other))]
    np.testing.assert_array_equal(*ends)


@pytest.mark.parametrize("rule", RULES)
def test_devices_end_with_the_same_weights(rule):
    contexts = [mx.cpu(0), mx.cpu(1)]
    network = mx.gluon.nn.Dense(1, in_units=2)
    network.initialize(ctx=contexts)
    optimizer = Optimizer(network, momentum=0.9, wd=0.01, rule=rule)
    for _ in range(3):
        for context, row in zip(contexts, ([3.0, 4.0], [1.0, -1.0]), strict=True):
            with mx.autograd.record():
                output = network(mx.nd.array([row], ctx=context))
            output.backward()
        optimizer.step(0.1)
    copies = [copy.asnumpy() for copy in network.weight.list_data()]
    np.testing.assert_array_equal(*copies)


@pytest.mark.parametrize(
    ("saved", "rule"), [("sgd", "adam"), ("adam", "sgd"), ("sgd", "sgd_torch")]
)
def test_the_state_of_another_rule_is_refused(saved, rule):
    network = Values([1.0, -2.0], [0.5])
    first = Optimizer(network, momentum=0.9, wd=0, rule=saved)
    follow(first, network, np.ones((1, 3)), [0.1])
    second = Optimizer(Values([1.0, -2.0], [0.5]), momentum=0.9, wd=0, rule=rule)
    needed = " and ".join(RULES[rule].slots)
    with pytest.raises(WeightsError, match=f"this rule of updates needs {needed}; resume with"):
        second.restore(first.state_arrays(), 1)
    assert second.num_updates == 0


def test_an_unknown_rule_is_refused():
    with pytest.raises(OptionError, match="unknown rule of weight updates 'lars'; choose one of s"):
        rule_of("lars")


@pytest.mark.parametrize("key", GOLDEN)
def test_the_numbers_here_are_those_of_the_published_code(shared_dir, key):
    file = FILES.get(key.partition(".")[0], "nvidia_ssd300")
    with np.load(shared_dir / "golden" / f"{file}.npz") as golden:
        np.testing.assert_array_equal(GOLDEN[key].astype(golden[key].dtype), golden[key])
