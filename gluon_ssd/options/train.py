"""Every option of train_ssd.py, declared once.

The command line, the ``--config`` reader, the help text and the README tables are made from these
dataclasses. `legacy` declares those of GluonCV, with its defaults and meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import flat_values, legacy, option, spellings
from gluon_ssd.options.modes import EVALUATION, INFERENCE_BENCHMARK, TrainModeOptions
from gluon_ssd.options.optimizer import OptimizerOptions
from gluon_ssd.options.recipes import RECIPES, defaults_of
from gluon_ssd.options.shared import (
    DATASETS,
    METRICS,
    ModelOptions,
    check_network_of,
    chosen_network,
    whole_numbers,
)
from gluon_ssd.options.small_sets import SmallSetOptions, check_small_sets
from gluon_ssd.options.train_data import TrainDataOptions
from gluon_ssd.options.train_idle import TRAIN_IDLE
from gluon_ssd.options.watching import WatchOptions
from gluon_ssd.options.weights_record import options_of_checkpoint, options_of_record

if TYPE_CHECKING:
    from gluon_ssd.models.spec import Spec


@dataclass(frozen=True)
class TrainOptions:
    """training run"""

    recipe: str = option(
        "",
        "training whose settings are the defaults, small or a published one; --config and the "
        "command line win",
        choices=tuple(RECIPES),
    )
    gpus: str = legacy("0", "GPUs to use, such as 0,1; empty trains on the CPU")
    resume: str = legacy(
        "",
        "continue from a checkpoint (.npz), which names its network, or start from weights "
        "(.params, .pt)",
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
    resume, dataset = given.get("resume", ""), given.get("dataset", TrainDataOptions.dataset)
    of_checkpoint = options_of_checkpoint(resume, given, dataset) if resume else {}
    return of_checkpoint or options_of_record(resume, given, fixes_dataset=False)


@dataclass(frozen=True)
class TrainCommand:
    """Options of train_ssd.py."""

    model: ModelOptions = ModelOptions()
    data: TrainDataOptions = TrainDataOptions()
    optimizer: OptimizerOptions = OptimizerOptions()
    train: TrainOptions = TrainOptions()
    small: SmallSetOptions = SmallSetOptions()
    watch: WatchOptions = WatchOptions()
    modes: TrainModeOptions = TrainModeOptions()

    preset = staticmethod(defaults_of)
    """What --recipe and --optimizer bring along; see `declare.parse`."""
    takes_yaml = True
    """--config may name the files of `options.yannqi`, which fit a command with a `network`."""
    told_by_files = staticmethod(_told_by_files)
    """What --resume or the record beside it says; see `declare.parse`."""
    begin_with = (
        "dataset",
        "dataset_root",
        "network",
        "data_shape",
        "recipe",
        "epochs",
        "batch_size",
        "lr",
        "gpus",
        "pretrained_base",
        "save_prefix",
        "resume",
    )
    """What the help shows first; see `declare.build_parser`."""
    idle = TRAIN_IDLE
    """What has no effect; see `options.idle`."""

    def __post_init__(self) -> None:
        if self.train.start_epoch >= self.optimizer.epochs:
            raise OptionError(
                f"--start-epoch {self.train.start_epoch} must be below --epochs "
                f"{self.optimizer.epochs}"
            )
        check_small_sets(self)
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
