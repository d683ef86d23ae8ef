"""What NVIDIA's script and yannqi's want in a checkpoint beside the weights.

They load it whole for `--checkpoint`, in evaluation too: epoch, iteration, the state of the
schedule, and that of an optimiser with two groups of parameters. Training that goes on from these
facts begins anew with the given weights.

Source: NVIDIA DeepLearningExamples, PyTorch/Detection/SSD, main.py and ssd/train.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
_SGD = {"lr": 2.6e-3, "momentum": 0.9, "dampening": 0, "nesterov": False}
_DECAY = 5e-4


def checkpoint_facts(published: Mapping[str, Any]) -> dict[str, Any]:
    """The facts by key.

    Args:
        published: arrays by published names; biases and what has one axis is not decayed.
    """
    parameters = {n: a for n, a in published.items() if not n.endswith(_BUFFERS)}
    plain = sum(a.ndim == 1 or n.endswith(".bias") for n, a in parameters.items())
    groups = [
        {**_SGD, "weight_decay": 0.0, "params": list(range(plain))},
        {**_SGD, "weight_decay": _DECAY, "params": list(range(plain, len(parameters)))},
    ]
    return {
        "epoch": 0,
        "iteration": 0,
        "scheduler": {},
        "optimizer": {"state": {}, "param_groups": groups},
    }
