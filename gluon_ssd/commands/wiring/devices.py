"""Options -> the MXNet devices to train on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gluon_ssd.deploy.mxnet.compiled import context_of
from gluon_ssd.deploy.mxnet.devices import usable_devices


def devices(gpu_ids: Sequence[int], flag: str) -> list[Any]:
    """The GPUs of those numbers, or the CPU; `flag` and errors as of `usable_devices`."""
    return [context_of(device) for device in usable_devices(gpu_ids, flag)]
