"""Options -> an exported model that is ready to run; MXNet is imported for its own files alone."""

from __future__ import annotations

from collections.abc import Sequence

from gluon_ssd.deploy.runtime import find_runtime, load_detector
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.deploy.told import Told
from gluon_ssd.options.exported_record import check_exported
from gluon_ssd.options.shared import ModelOptions, RuntimeOptions

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
    network: str = "",
) -> RuntimeModel:
    """Load an exported model, of which `network` and the size are what was asked for.

    Raises:
        OptionError: it is of another network or size.
    """
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
    check_exported(
        prefix, model.record, network=network, own_hw=model.input_size_hw, asked_hw=input_size_hw
    )
    return model
