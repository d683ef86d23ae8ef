"""The recipes: `--recipe NAME` sets what a training that is known to work had.

A recipe gives options other defaults; a file of --config and the command line win over it. `small`
is for data sets of some hundred images: docs/results.md tells how it was found. The others are those
of published networks.

| recipe | published figure | source |
|---|---|---|
| nvidia_ssd300 | 0.267 to 0.274 mAP, COCO val2017, 8 GPUs of batch 32 to 128 | NVIDIA DeepLearningExamples, PyTorch/Detection/SSD, October 2022 |
| nvidia_ssd300_2020 | 0.248 to 0.253 mAP | the same, June 2020 |
| mlperf_ssd_r34 | 0.23 mAP, the target | MLPerf Training, single_stage_detector/ssd, v0.5 to v1.1 |
| mlperf_retinanet | 0.34 mAP, the target, OpenImages validation | MLPerf Training, single_stage_detector/ssd, v2.0 to v4.1 |
| yannqi_ssd300 | none of its own | github.com/yannqi/SSD-for-pytorch |
"""  # noqa: E501  (a table)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SSD300: dict[str, Any] = {
    "network": "ssd300_resnet50",
    "data_shape": 300,
    "dataset": "coco",
    "metric": "coco",
    "augmentation": "legacy",  # the network's own
    "optimizer": "sgd",
    "momentum": 0.9,
    "momentum_rule": "torch",
    "wd": 5e-4,
    "no_wd_on_bias_bn": True,
    "lr": 2.6e-3,
    "scale_lr": "linear32",
    "lr_decay": 0.1,
    "lr_decay_epoch": "43,54",
    "warmup_iters": 300,
    "warmup_rule": "start",
    "epochs": 65,
    "batch_size_per_device": 32,
    "eval_batch_size": 32,
    "val_epochs": "21,31,37,42,48,53,59,64",
    "log_interval": 20,
}

RECIPES: Mapping[str, Mapping[str, Any]] = {
    # Small batches make enough steps of few images, and the cosine ends them at a rate of 0. Adam
    # learns from so few steps what SGD, with the best rate of those tried, wants several times as
    # many for.
    "small": {
        "network": "mobilenet1.0",
        "data_shape": 300,
        "dataset": "custom",
        "augmentation": "light",
        "batch_size": 4,
        "eval_batch_size": 16,
        "epochs": 60,
        "optimizer": "adam",
        "lr": 0.001,
        "schedule": "cosine",
        "warmup_epochs": 2.0,
        "clip_gradient": 10.0,
        "average_weights": 0.998,
        "val_interval": 4,
        "save_interval": 0,
        "log_interval": 20,
    },
    "nvidia_ssd300": _SSD300,
    # The scheduler of that release stepped before the epoch and not after it.
    "nvidia_ssd300_2020": {**_SSD300, "lr_decay_epoch": "42,53", "log_interval": 1},
    "mlperf_ssd_r34": {
        **_SSD300,
        "network": "ssd_resnet34",
        "no_wd_on_bias_bn": False,
        "lr": 2.5e-3,
        "lr_decay_epoch": "40,50",
        "warmup_iters": 0,
        "warmup_epochs": 2.619685,  # 300 steps of 1024 images, as the eight-GPU configurations have
        "epochs": 70,
        # After every fifth epoch, counted from 1 as published.
        "val_epochs": ",".join(str(epoch) for epoch in range(4, 70, 5)),
        "target_map": 0.23,
        "log_interval": 100,
    },
    "mlperf_retinanet": {
        "network": "retinanet_resnext50_32x4d",
        "data_shape": 800,
        "dataset": "openimages",
        "metric": "coco",
        "augmentation": "legacy",
        "optimizer": "adam",
        "wd": 0.0,
        "lr": 1e-4,
        "scale_lr": "none",
        "lr_decay_epoch": "",
        "warmup_epochs": 1.0,
        "warmup_factor": 1e-3,
        "warmup_rule": "start",
        "epochs": 8,
        "batch_size_per_device": 32,
        "eval_batch_size": 32,
        "val_interval": 1,
        "target_map": 0.34,
        "log_interval": 20,
    },
    "yannqi_ssd300": {
        **_SSD300,
        "network": "ssd300_yannqi",
        "warmup_iters": 0,
        "epochs": 100,
        "batch_size_per_device": 64,
        "eval_batch_size": 64,
        "seed": 42,
        "log_interval": 100,
    },
}
"""Name -> option -> value, for train_ssd.py. Each device has a batch of its own, but in `small`."""
_SMALL_RATE_OF_SGD = 0.005


def defaults_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults that the options given so far, by name, bring along.

    A batch for all devices together takes the place of a recipe's batch for each, validation
    every so many epochs that of its list, and the other way round. Adam comes without the weight
    decay of SGD, and SGD with a rate of its own. Size and data set give way to a network that is
    made for others.
    """
    defaults = dict(RECIPES.get(given.get("recipe", ""), {}))
    if defaults and "network" in given:
        _make_way(defaults, given["network"])
    for pair in (("batch_size", "batch_size_per_device"), ("val_interval", "val_epochs")):
        for own, replaced in (pair, pair[::-1]):
            if own in given:
                defaults.pop(replaced, None)
    if given.get("optimizer", defaults.get("optimizer")) == "adam":
        defaults["wd"] = 0.0
    elif given.get("recipe") == "small":
        defaults["lr"] = _SMALL_RATE_OF_SGD
    return defaults


def _make_way(defaults: dict[str, Any], network: str) -> None:
    """Put size and data set of a network in place of those of a recipe, which it does not take."""
    from gluon_ssd.families.catalog import SPECS, is_for, usual_size  # --help need not wait for it

    named = [spec for spec in SPECS.values() if network in (spec.name, spec.network)]
    side = defaults["data_shape"]
    if named and not any(spec.any_size or spec.input_size_hw == (side, side) for spec in named):
        defaults["data_shape"] = usual_size(network)
    if network in SPECS and not is_for(network, defaults["dataset"]):
        defaults["dataset"] = SPECS[network].dataset
