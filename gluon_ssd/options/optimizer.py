"""How train_ssd.py changes weights: batches, epochs, learning rate, rule of the update."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import legacy, option
from gluon_ssd.options.shared import whole_numbers


@dataclass(frozen=True)
class OptimizerOptions:
    """optimisation"""

    batch_size: int = legacy(32, "images a step, over all devices", minimum=1)
    batch_size_per_device: int = option(
        0, "images a step of each device, in place of --batch-size; 0 leaves it", minimum=0
    )
    epochs: int = legacy(240, "number of epochs", minimum=1)
    lr: float = legacy(0.001, "learning rate; see --scale-lr", minimum=0)
    lr_decay: float = legacy(0.1, "factor of each learning-rate decay", minimum=0)
    lr_decay_epoch: str = legacy("160,200", "epochs at which it decays")
    optimizer: str = option(
        "sgd", "rule by which gradients change weights", choices=("sgd", "adam")
    )
    momentum: float = legacy(0.9, "momentum of SGD", minimum=0, maximum=1)
    momentum_rule: str = option(
        "mxnet",
        "whether SGD's momentum keeps the learning rate of each gradient, as MXNet's, or all of it "
        "gets the rate of now, as torch's; they differ in warm-up and after decay",
        choices=("mxnet", "torch"),
    )
    wd: float = legacy(
        0.0005, "weight decay, on every parameter; unless given, adam has none", minimum=0
    )
    schedule: str = option(
        "step",
        "learning-rate curve: decay at --lr-decay-epoch, or half a cosine to zero",
        choices=("step", "cosine"),
    )
    warmup_epochs: float = option(0.0, "epochs of linear warm-up", minimum=0)
    warmup_iters: int = option(
        0, "steps of linear warm-up; with --warmup-epochs the longer counts", minimum=0
    )
    warmup_factor: float = option(
        0.0, "share of the learning rate that warm-up starts from", minimum=0, maximum=1
    )
    warmup_rule: str = option(
        "risen",
        "where the first step of warm-up stands: one step's rise above --warmup-factor, or at the "
        "start, as published for NVIDIA's and MLPerf's networks; the step after warm-up is the "
        "first at the full rate with both",
        choices=("risen", "start"),
    )
    scale_lr: str = option(
        "none",
        "multiply --lr by the images of a step over 32, accumulated ones included, or leave it",
        choices=("none", "linear32"),
    )
    accumulate: int = option(
        1, "batches of --batch-size images that make one step of the weights", minimum=1
    )
    clip_gradient: float = option(0.0, "largest global gradient norm; 0 does not clip", minimum=0)
    no_wd_on_bias_bn: bool = option(False, "no weight decay on biases and batch-norm parameters")

    def __post_init__(self) -> None:
        if not 0 < self.lr < math.inf:
            raise OptionError(f"--lr must be above 0 and finite; got {self.lr}")
        epochs = self.decay_epochs
        if list(epochs) != sorted(set(epochs)):
            raise OptionError(f"--lr-decay-epoch must rise; got {self.lr_decay_epoch}")

    @property
    def update_rule(self) -> str:
        """Key of `training.update_rules.RULES`."""
        if self.optimizer == "adam":
            return "adam"
        return "sgd_torch" if self.momentum_rule == "torch" else "sgd"

    @property
    def images_per_step(self) -> int:
        """Images of one update of the weights, over all devices and processes."""
        return self.batch_size * self.accumulate

    @property
    def base_rate(self) -> float:
        """Learning rate after warm-up and before any decay."""
        return self.lr * self.images_per_step / 32 if self.scale_lr == "linear32" else self.lr

    @property
    def decay_epochs(self) -> tuple[int, ...]:
        """The epochs of --lr-decay-epoch as numbers."""
        return whole_numbers(self.lr_decay_epoch, "--lr-decay-epoch")
