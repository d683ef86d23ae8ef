"""What the options of optimisation come to."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.optimizer import OptimizerOptions


@pytest.mark.parametrize(
    ("optimizer", "momentum_rule", "rule"),
    [("sgd", "mxnet", "sgd"), ("sgd", "torch", "sgd_torch"), ("adam", "torch", "adam")],
)
def test_optimizer_and_momentum_choose_the_update_rule(optimizer, momentum_rule, rule):
    assert OptimizerOptions(optimizer=optimizer, momentum_rule=momentum_rule).update_rule == rule


@pytest.mark.parametrize(("scale_lr", "rate"), [("none", 0.5), ("linear32", 0.25)])
def test_the_rate_follows_the_images_of_a_step_when_asked(scale_lr, rate):
    options = OptimizerOptions(lr=0.5, batch_size=4, accumulate=4, scale_lr=scale_lr)
    assert (options.images_per_step, options.base_rate) == (16, rate)


def test_decay_epochs_are_numbers_that_rise():
    assert OptimizerOptions(lr_decay_epoch="3, 7").decay_epochs == (3, 7)
    with pytest.raises(OptionError, match="--lr-decay-epoch must rise; got 7,3"):
        OptimizerOptions(lr_decay_epoch="7,3")


@pytest.mark.parametrize("lr", [0.0, float("inf")])
def test_a_rate_is_above_zero_and_finite(lr):
    with pytest.raises(OptionError, match="--lr must be above 0 and finite"):
        OptimizerOptions(lr=lr)
