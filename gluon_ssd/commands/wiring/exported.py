"""Options -> an exported model that is ready to run; MXNet is imported for its own files alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from gluon_ssd.deploy.runtime import find_runtime, load_detector
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.deploy.told import Told
from gluon_ssd.options.shared import ModelOptions, RuntimeOptions

_log = logging.getLogger(__name__)

_OF_NETWORKS = "mxnet"  # the runtime of networks in memory
_BY_FILES = RuntimeOptions()


def inference_device(
    gpu_ids: Sequence[int],
    flag: str,
    *,
    prefix: str = "",
    backend: str = "",
    dtype: str = "float32",
) -> str:
    """The first GPU of those numbers as "gpu:" and its number, or "cpu".

    The runtime of an exported model, or of networks without a `prefix`, checks devices and --dtype
    as `Runtime` says; `flag` is the option that named the GPUs, with its value, for messages.
    """
    runtime = find_runtime(prefix, backend if prefix else _OF_NETWORKS)
    device = runtime.devices(gpu_ids, flag)[0]
    runtime.check_dtype(dtype, device, f"--dtype {dtype}")
    return device


def deployed_model(
    prefix: str,
    input_size_hw: tuple[int, int] | None,
    *,
    device: str,
    fuse: bool = True,
    runtime: RuntimeOptions = _BY_FILES,
) -> RuntimeModel:
    """Load an exported model. A size it carries wins over the given one, with a notice."""
    model = load_detector(
        prefix,
        input_size_hw=input_size_hw,
        told=Told(runtime.told, ModelOptions().input_size_hw),
        device=device,
        fuse=fuse,
        backend=runtime.named_backend,
        threads=runtime.threads,
        streams=runtime.streams,
    )
    note_size(prefix, model, input_size_hw)
    return model


class HasSize(Protocol):
    """A detector of any kind."""

    @property
    def input_size_hw(self) -> tuple[int, int]:
        """Height and width of the images it takes, px."""


def note_size(prefix: str, model: HasSize, asked_hw: tuple[int, int] | None) -> None:
    """Say that a size that was asked for is not used, where a model has another one."""
    if asked_hw is not None and model.input_size_hw != asked_hw:
        _log.warning(
            "%s was exported for %d pixels; --data-shape %d is not used",
            prefix,
            model.input_size_hw[0],
            asked_hw[0],
        )
