"""Options -> MXNet devices."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.errors import OptionError

_log = logging.getLogger(__name__)


def devices(gpu_ids: Sequence[int], flag: str) -> list[Any]:
    """The GPUs of those numbers, or the CPU when none is asked for or none is there.

    Args:
        gpu_ids: numbers as in ``--gpus 0,1``; empty means the CPU.
        flag: the option as given, for messages.

    Raises:
        OptionError: the machine has GPUs, but not these.
    """
    available = mx.context.num_gpus() if gpu_ids else 0
    if not gpu_ids:
        return [mx.cpu()]
    if available == 0:
        _log.warning("%s: MXNet finds no GPU here; running on the CPU", flag)
        return [mx.cpu()]
    missing = [number for number in gpu_ids if number >= available]
    if missing:
        raise OptionError(
            f"{flag}: there is no GPU {missing[0]}; MXNet finds {available}, numbered from 0"
        )
    return [mx.gpu(number) for number in gpu_ids]
