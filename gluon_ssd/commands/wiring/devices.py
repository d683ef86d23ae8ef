"""Options -> MXNet devices."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.errors import EnvironmentProblem, OptionError
from gluon_ssd.system.cpu import cpu_flags, cpu_name, has_bfloat16

_log = logging.getLogger(__name__)


def devices(gpu_ids: Sequence[int], flag: str) -> list[Any]:
    """The GPUs of those numbers, or the CPU when none is asked for or none is there.

    `flag` is the option as given, for messages.

    Raises:
        OptionError: the machine has GPUs, but not these.
    """
    if not gpu_ids:
        return [mx.cpu()]
    available = mx.context.num_gpus()
    if available == 0:
        _log.warning("%s: MXNet finds no GPU here; running on the CPU", flag)
        return [mx.cpu()]
    missing = [number for number in gpu_ids if number >= available]
    if missing:
        raise OptionError(
            f"{flag}: there is no GPU {missing[0]}; MXNet finds {available}, numbered from 0"
        )
    return [mx.gpu(number) for number in gpu_ids]


def check_dtype(dtype: str, device_type: str) -> None:
    """Raise EnvironmentProblem unless such a device, "cpu" or "gpu", computes in --dtype."""
    if dtype == "float16" and device_type == "cpu":
        raise EnvironmentProblem(
            "--dtype float16 needs a GPU; MXNet has no float16 convolutions for CPUs: take "
            "bfloat16 or float32"
        )
    if dtype == "bfloat16" and device_type == "gpu":
        raise EnvironmentProblem(
            "--dtype bfloat16 is for CPUs; MXNet has no bfloat16 for GPUs: take float16 or float32"
        )
    if dtype == "bfloat16" and not has_bfloat16(cpu_flags()):
        raise EnvironmentProblem(
            "--dtype bfloat16 needs a CPU with AVX512_BF16 or AMX-BF16; "
            f"{cpu_name()} has neither: take float32"
        )
