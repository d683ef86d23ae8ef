"""Which options of train_ssd.py have no effect beside which others; see `options.idle`."""

from __future__ import annotations

from typing import Any

from gluon_ssd.options.idle import WITHOUT_WORKERS, Idle
from gluon_ssd.options.modes import EVALUATION, INFERENCE_BENCHMARK, TRAINING, TRAINING_BENCHMARK
from gluon_ssd.options.small_sets import SMALL_SETS_IDLE

WITHOUT_CROPS = ("hflip",)
WITHOUT_HUE = ("hflip", "retinanet_ssdlite")
OWN_CROP_TRIES = ("ssd300_pil", "ssd300_dali", "retinanet_ssd", "retinanet_ssdlite")
"""Names of policies of augmentation, compared with them by a test."""

_LEARNING = (
    *("lr", "lr_decay", "lr_decay_epoch", "optimizer", "momentum", "momentum_rule", "wd"),
    *("schedule", "warmup_epochs", "warmup_iters", "warmup_factor", "warmup_rule", "scale_lr"),
    *("accumulate", "clip_gradient", "no_wd_on_bias_bn"),
)
_COURSE = (
    *("start_epoch", "save_interval", "val_interval", "val_epochs", "target_map", "limit_steps"),
    *("log_interval", "checkpoint_minutes", "sample_images"),
)
_OF_VALIDATION = ("val_interval", "val_epochs", "eval_batch_size", "metric", "target_map")


def _policy(command: Any) -> str:
    """The augmentation, with what legacy means for the network."""
    name: str = command.data.augmentation
    return command.network.augmentation if name == "legacy" else name


def _has_warmup(command: Any) -> bool:
    return bool(command.optimizer.warmup_epochs or command.optimizer.warmup_iters)


TRAIN_IDLE = (
    WITHOUT_WORKERS,
    *SMALL_SETS_IDLE,
    Idle(
        ("lr_decay", "lr_decay_epoch"),
        lambda command: command.optimizer.schedule == "cosine",
        "with --schedule cosine, which has no steps",
    ),
    Idle(
        ("lr_decay",),
        lambda command: not command.optimizer.decay_epochs,
        "while --lr-decay-epoch names no epoch",
    ),
    Idle(
        ("momentum", "momentum_rule"),
        lambda command: command.optimizer.optimizer == "adam",
        "with --optimizer adam",
    ),
    Idle(
        ("warmup_factor", "warmup_rule"),
        lambda command: not _has_warmup(command),
        "without --warmup-epochs or --warmup-iters",
    ),
    Idle(
        ("no_wd_on_bias_bn",),
        lambda command: command.optimizer.wd == 0,
        "while there is no weight decay (--wd 0)",
    ),
    Idle(
        ("batch_size",),
        lambda command: bool(command.optimizer.batch_size_per_device),
        "with --batch-size-per-device",
        default_too=True,
    ),
    Idle(
        ("val_interval",),
        lambda command: bool(command.train.validated_epochs),
        "with --val-epochs, which names them all",
        default_too=True,
    ),
    Idle(
        _OF_VALIDATION,
        lambda command: not command.data.validates,
        "without validation (--val-splits none)",
    ),
    Idle(
        ("start_epoch",),
        lambda command: command.train.resume.endswith(".npz"),
        "on a checkpoint, which knows its own epoch",
    ),
    Idle(
        ("gpus",),
        lambda command: command.train.horovod and len(command.train.device_ids) > 1,
        "on which GPUs --horovod takes: each process has that of its local rank",
    ),
    Idle(
        ("benchmark_warmup", "benchmark_iterations"),
        lambda command: command.modes.mode not in (TRAINING_BENCHMARK, INFERENCE_BENCHMARK),
        "outside the benchmark modes",
    ),
    Idle(
        ("mllog", "tensorboard"),
        lambda command: command.modes.mode != TRAINING,
        "outside training",
    ),
    Idle(_COURSE, lambda command: command.modes.mode != TRAINING, "outside training", told=True),
    Idle(
        _LEARNING,
        lambda command: command.modes.mode in (EVALUATION, INFERENCE_BENCHMARK),
        "where no weights are learnt",
        told=True,
    ),
    Idle(
        ("crop_tries",),
        lambda command: _policy(command) in WITHOUT_CROPS,
        "on an augmentation without crops",
        default_too=True,
    ),
    Idle(
        ("crop_tries",),
        lambda command: command.data.crop_tries == 50 and _policy(command) in OWN_CROP_TRIES,
        "at 50, which stands for the number of the augmentation; take another",
        default_too=True,
    ),
    Idle(
        ("hue",),
        lambda command: _policy(command) in WITHOUT_HUE,
        "on an augmentation that leaves hues alone",
    ),
)
