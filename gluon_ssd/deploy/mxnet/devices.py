"""What MXNet can compute on here, and in which types; MXNet itself is imported when asked."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from gluon_ssd.errors import EnvironmentProblem, OptionError
from gluon_ssd.system.cpu import cpu_flags, cpu_name, has_bfloat16

_log = logging.getLogger(__name__)


def usable_devices(gpu_ids: Sequence[int], asked: str) -> list[str]:
    """The GPUs of those numbers as "gpu:" and number, or "cpu" when none is asked for or there.

    `asked` is what named them, such as an option and its value, for messages.

    Raises:
        OptionError: the machine has GPUs, but not these.
    """
    if not gpu_ids:
        return ["cpu"]
    from gluon_ssd.compat import mx

    available = mx.context.num_gpus()
    if available == 0:
        _log.warning("%s: MXNet finds no GPU here; running on the CPU", asked)
        return ["cpu"]
    missing = [number for number in gpu_ids if number >= available]
    if missing:
        raise OptionError(
            f"{asked}: there is no GPU {missing[0]}; MXNet finds {available}, numbered from 0"
        )
    return [f"gpu:{number}" for number in gpu_ids]


def check_dtype(dtype: str, device: str, asked: str) -> None:
    """Raise EnvironmentProblem unless a device of `usable_devices` computes in a type."""
    if dtype == "float16" and device == "cpu":
        raise EnvironmentProblem(
            f"{asked} needs a GPU; MXNet has no float16 convolutions for CPUs: take "
            "bfloat16 or float32"
        )
    if dtype == "bfloat16" and device != "cpu":
        raise EnvironmentProblem(
            f"{asked} is for CPUs; MXNet has no bfloat16 for GPUs: take float16 or float32"
        )
    if dtype == "bfloat16" and not has_bfloat16(cpu_flags()):
        raise EnvironmentProblem(
            f"{asked} needs a CPU with AVX512_BF16 or AMX-BF16; "
            f"{cpu_name()} has neither: take float32"
        )
