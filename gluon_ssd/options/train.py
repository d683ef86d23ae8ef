"""Every option of train_ssd.py, declared once.

The command line, the ``--config`` reader, the help text and the README tables are made from these
dataclasses. `legacy` declares those of GluonCV, with its defaults and meaning.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import flat_values, legacy, option, spellings
from gluon_ssd.options.modes import EVALUATION, INFERENCE_BENCHMARK, TrainModeOptions
from gluon_ssd.options.recipes import RECIPES, defaults_of
from gluon_ssd.options.shared import (
    DATASETS,
    METRICS,
    DataOptions,
    ModelOptions,
    check_network_of,
    chosen_network,
    whole_numbers,
)
from gluon_ssd.options.train_idle import TRAIN_IDLE
from gluon_ssd.options.weights_record import options_of_record

if TYPE_CHECKING:
    from gluon_ssd.models.spec import Spec


NO_SPLIT = "none"
"""The word of --val-splits that trains without validation."""


@dataclass(frozen=True)
class TrainDataOptions(DataOptions):
    """data set"""

    dataset_root: str = legacy("~/.mxnet/datasets/", "folder that holds the data set")
    val_splits: str = option(
        "",
        "splits to validate on; empty takes the data set's usual ones, none trains without "
        "validation",
    )
    max_bad_share: float = option(
        0.02,
        "largest share of unusable labels or images with which training starts",
        minimum=0,
        maximum=1,
    )
    keep_empty: bool = option(
        False, "train on images without boxes too, of COCO and whatever --on-bad-image says"
    )
    on_bad_image: str | None = option(
        None,
        "what an image that cannot be read or is damaged, or a training image without boxes, is: "
        "an error, or skipped and counted; in validation it is left out of the score",
        choices=("error", "skip"),
        unset="files that cannot be read are left out before training and an error in it, damaged "
        "ones are used and counted; images without boxes are background",
    )
    no_crowd: bool = option(False, "leave COCO crowd boxes out of training")
    augmentation: str = option(
        "legacy",
        "random changes to training images: legacy, those the network was published with; light, "
        "for small, simple sets (no zoom-out, crops of at least 0.6, half the colour jitter, "
        "narrow hue); ssd300_pil and ssd300_dali, those of NVIDIA SSD300; hflip, retinanet_ssd "
        "and retinanet_ssdlite, those of MLPerf RetinaNet",
        choices=(
            "legacy",
            "light",
            "ssd300_pil",
            "ssd300_dali",
            "hflip",
            "retinanet_ssd",
            "retinanet_ssdlite",
        ),
    )
    hue: str = option(
        "legacy",
        "hue jitter: the whole colour circle as published, or 18 degrees either way",
        choices=("legacy", "narrow"),
    )
    crop_tries: int = option(
        50,
        "tries for each overlap floor of the random crop; unless another number is given, "
        "ssd300_* takes 1 and retinanet_* 40, as published",
        minimum=1,
    )

    @property
    def validates(self) -> bool:
        """Whether there is a validation set."""
        return self.val_splits.lower() != NO_SPLIT


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


@dataclass(frozen=True)
class TrainOptions:
    """training run"""

    recipe: str = option(
        "",
        "published training whose settings are the defaults; --config and the command line win",
        choices=tuple(RECIPES),
    )
    gpus: str = legacy("0", "GPUs to use, such as 0,1; empty trains on the CPU")
    resume: str = legacy(
        "", "continue from a checkpoint (.npz), or start from weights (.params, .pt)"
    )
    start_epoch: int = legacy(0, "first epoch; a checkpoint knows its own", minimum=0)
    log_interval: int = legacy(100, "batches between log lines", minimum=1)
    save_prefix: str = legacy("", "put before the network's name in every file")
    save_interval: int = legacy(
        10, "epochs between periodic weight files; 0 writes none", minimum=0
    )
    val_interval: int | None = legacy(
        None, "epochs between validations", minimum=1, unset="1, for coco 10"
    )
    val_epochs: str = option(
        "",
        "epochs, counted from 0, after which to validate, such as 21,31,37; the last one always; "
        "empty goes by --val-interval",
    )
    eval_batch_size: int = option(
        0, "images a batch in validation; 0 takes that of training", minimum=0
    )
    target_map: float = option(
        0.0,
        "stop when validation reaches this mAP, from 0 to 1; 0 runs all epochs",
        minimum=0,
        maximum=1,
    )
    seed: int = legacy(233, "seed of every random number", minimum=0)
    syncbn: bool = legacy(False, "batch norm over all devices")
    dali: bool = legacy(False, "load training images with NVIDIA DALI, by --num-workers threads")
    amp: bool = legacy(
        False, "automatic mixed precision: float16 on GPUs, bfloat16 on CPUs that have it"
    )
    horovod: bool = legacy(
        False,
        "train in all processes that horovodrun, mpirun or srun started, one device each, "
        "which share --batch-size",
    )
    fp16_allreduce: bool = option(
        False, "with --horovod, send gradients as float16: half the bytes, rounded"
    )
    pretrained_base: str = option(
        "True",
        "ImageNet backbone: true fetches it from the zoo, false starts from random "
        "weights, anything else is a file: .params of the zoo, .pth of torchvision",
    )
    metric: str = option("auto", "validation metric; auto is the data set's own", choices=METRICS)
    limit_steps: int = option(0, "stop after N steps; 0 runs all epochs", minimum=0)
    mllog: str = option("", "also write MLPerf's events to this file; needs the extra mllog")
    checkpoint_minutes: float = option(
        10.0, "minutes between checkpoints within an epoch; every epoch ends with one", minimum=0
    )

    @property
    def device_ids(self) -> tuple[int, ...]:
        """The GPUs of --gpus as numbers; empty for the CPU."""
        return whole_numbers(self.gpus, "--gpus")

    @property
    def validated_epochs(self) -> tuple[int, ...]:
        """The epochs of --val-epochs as numbers."""
        return whole_numbers(self.val_epochs, "--val-epochs")


def _told_by_files(given: Mapping[str, Any]) -> dict[str, Any]:
    return options_of_record(given.get("resume", ""), given, fixes_dataset=False)


@dataclass(frozen=True)
class TrainCommand:
    """Options of train_ssd.py."""

    model: ModelOptions = ModelOptions()
    data: TrainDataOptions = TrainDataOptions()
    optimizer: OptimizerOptions = OptimizerOptions()
    train: TrainOptions = TrainOptions()
    modes: TrainModeOptions = TrainModeOptions()

    preset = staticmethod(defaults_of)
    """What --recipe and --optimizer bring along; see `declare.parse`."""
    takes_yaml = True
    """--config may name the files of `options.yannqi`, which fit a command with a `network`."""
    told_by_files = staticmethod(_told_by_files)
    """What the record beside --resume says; see `declare.parse`."""
    idle = TRAIN_IDLE
    """What has no effect; see `options.idle`."""

    def __post_init__(self) -> None:
        if self.train.start_epoch >= self.optimizer.epochs:
            raise OptionError(
                f"--start-epoch {self.train.start_epoch} must be below --epochs "
                f"{self.optimizer.epochs}"
            )
        if self.train.horovod and self.train.syncbn:
            raise OptionError(
                "--syncbn works over the devices of one process, and with --horovod each process "
                "has one; leave out one of the two"
            )
        if self.train.fp16_allreduce and not self.train.horovod:
            raise OptionError("--fp16-allreduce is for the gradients of --horovod; add that")
        if self.train.dali and self.data.crop_tries != TrainDataOptions.crop_tries:
            raise OptionError(
                f"--crop-tries {self.data.crop_tries} does not go with --dali, whose tries are "
                "those of the policy; leave one of them out"
            )
        if self.modes.mode == EVALUATION and not self.train.resume:
            raise OptionError(
                "--mode evaluation scores the weights of --resume FILE; name a checkpoint (.npz) "
                "or weights (.params)"
            )
        if not self.data.validates and self.modes.mode in (EVALUATION, INFERENCE_BENCHMARK):
            raise OptionError(
                f"--mode {self.modes.mode} works on the validation set; leave --val-splits "
                f"{self.data.val_splits} out"
            )
        _ = self.train.validated_epochs
        check_network_of(self.network, self.data.dataset)

    @property
    def network(self) -> Spec:
        """The chosen network."""
        return chosen_network(self.model, self.data.dataset)

    @property
    def prefix(self) -> str:
        """Start of every file's name: ``--save-prefix`` and the network's name."""
        return self.train.save_prefix + self.network.name

    @property
    def val_interval(self) -> int:
        """Epochs between validations, with what unset means for the data set."""
        return self.train.val_interval or DATASETS[self.data.dataset]

    @property
    def recipe_lines(self) -> tuple[str, ...]:
        """What --recipe set and what else was given in its place; nothing without a recipe."""
        if not self.train.recipe:
            return ()
        values, flags = flat_values(self), spellings(type(self))
        recipe = RECIPES[self.train.recipe]
        set_here = [name for name, value in recipe.items() if values[name] == value]
        lines = [f"Recipe {self.train.recipe} set {_shown(set_here, values, flags)}"]
        others = [name for name in recipe if name not in set_here]
        if others:
            lines.append(
                f"Recipe {self.train.recipe} gives way to {_shown(others, values, flags)}, "
                f"in place of {_shown(others, recipe, flags)}"
            )
        return tuple(lines)

    @property
    def resolved(self) -> dict[str, int]:
        """What unset options come to, for the line that shows all of them."""
        return {"data_shape": self.model.side, "val_interval": self.val_interval}


def _shown(names: Sequence[str], values: Mapping[str, Any], flags: Mapping[str, str]) -> str:
    return ", ".join(f"{flags[name]} {values[name]}" for name in names)
