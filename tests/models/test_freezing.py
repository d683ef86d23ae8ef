"""The first stages of a backbone stay as they are: weights, statistics, and without gradients."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import OptionError
from gluon_ssd.families.build import build_network
from gluon_ssd.models.first_weights import initialize, parameters_of
from gluon_ssd.models.freezing import backbone_stages, freeze_stages

TINY = "ssd_160_tiny_custom"
# Network -> how many stages, and a parameter of the first and of the last.
STAGES = {
    "ssd_300_mobilenet0.25_custom": (5, "mobilenet0_conv0_weight", "mobilenet0_conv26_weight"),
    "ssd_300_vgg16_atrous_custom": (5, "stages.0.2.bias", "stages.5.0.weight"),
    "ssd_300_resnet34_v1b_custom": (4, "stage1.0.weight", "stage2.1.0.conv1.weight"),
    "ssd300_resnet18_custom": (3, "conv1.weight", "layer3.0.conv1.weight"),
}


def network(name=TINY):
    made = build_network(name, classes=("a", "b"))
    initialize(made, mx.cpu())
    return made


def learn(net, steps=2):
    """Run training steps; the parameters of before and after, by name."""
    net.hybridize(static_alloc=True, static_shape=True)
    before = {name: each.data().asnumpy() for name, each in parameters_of(net).items()}
    trained = {n: p for n, p in parameters_of(net).items() if p.grad_req != "null"}
    trainer = mx.gluon.Trainer(trained, "sgd", {"learning_rate": 0.1})
    rng = np.random.default_rng(1)
    size = (2, 3, *net.input_size_hw)
    for _ in range(steps):
        with mx.autograd.record():
            logits, offsets, _ = net(mx.nd.array(rng.normal(size=size)))
            loss = (logits**2).mean() + (offsets**2).mean()
        loss.backward()
        trainer.step(1)
    after = {name: each.data().asnumpy() for name, each in parameters_of(net).items()}
    return {name for name in before if not np.array_equal(before[name], after[name])}


@pytest.mark.parametrize("name", STAGES)
def test_stages_are_resolutions_and_hold_the_backbone_alone(name):
    count, first, last = STAGES[name]
    net = build_network(name, classes=("a",))
    initialize(net, mx.cpu())
    stages = backbone_stages(net)
    start = stages[0][0].partition(".")[0] + "."
    assert len(stages) == count
    assert start + first in stages[0]
    assert start + last in stages[-1]
    names = [each for stage in stages for each in stage]
    assert len(names) == len(set(names))
    assert not any("predictors" in each or "expand_" in each or "extras" in each for each in names)


@pytest.mark.parametrize("name", [TINY, "ssd_300_mobilenet0.25_custom"], ids=["blocks", "symbols"])
def test_frozen_stages_stay_and_the_rest_learns(name):
    net = network(name)
    stages = backbone_stages(net)
    kept = {each for stage in stages[:2] for each in stage}
    frozen = freeze_stages(net, 2)
    moved = learn(net)
    assert frozen.stages == len(stages)
    assert set(frozen.names) == {n for n in kept if not n.endswith(("_mean", "_var"))}
    assert not moved & kept
    others = {each for stage in stages[2:] for each in stage}
    assert len(moved & others) > 0.9 * len(others)


def test_batch_norms_of_frozen_stages_do_not_see_the_batch():
    nets = network(), network()
    freeze_stages(nets[0], 8)
    images = mx.nd.random.uniform(shape=(2, 3, 160, 160))
    with mx.autograd.train_mode():
        frozen, usual = (net.features(images)[0].asnumpy() for net in nets)
    scored = nets[1].features(images)[0].asnumpy()
    np.testing.assert_allclose(frozen, scored, atol=1e-5)
    assert np.abs(usual - scored).max() > 0.1


def test_frozen_layers_have_no_gradients():
    net = network()
    frozen = freeze_stages(net, 1)
    for name in frozen.names:
        with pytest.raises(RuntimeError, match="grad_req='null'"):
            parameters_of(net)[name].grad()


def test_more_stages_than_there_are_is_one_line():
    with pytest.raises(OptionError, match=r"backbone of ssd_160_tiny_custom has 8 stages .* got 9"):
        freeze_stages(network(), 9)


def test_what_is_frozen_in_any_case_is_one_line():
    net = build_network("retinanet_resnext50_32x4d_custom", classes=("a",))
    initialize(net, mx.cpu())
    net.freeze_base()
    with pytest.raises(OptionError, match="keeps its first 1 stages as they are in any case"):
        freeze_stages(net, 1)
