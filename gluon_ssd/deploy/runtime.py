"""The table of runtimes, and how the files of a detector find theirs.

A runtime lives in a folder beside this file: a class of `runtime_model.RuntimeModel` and a function
that loads one; an entry of `RUNTIMES` makes it known. No framework is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gluon_ssd.deploy.mxnet.devices import check_dtype, usable_devices
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.errors import OptionError


def _cpu_alone(gpu_ids: Sequence[int], asked: str) -> list[str]:
    if gpu_ids:
        raise OptionError(f"{asked}: the model runs on the CPU alone; ask for no GPU")
    return ["cpu"]


@dataclass(frozen=True)
class Runtime:
    """One way to run detectors.

    Attributes:
        recognises: whether the files of a prefix are for this runtime.
        load: reads them; arguments and errors as of `load_detector`, but for the backend.
        devices: (numbers of GPUs, what asked for them) -> "cpu", or "gpu:" and number of each.
            Raises OptionError for one that is not there.
        check_dtype: (type, device, what asked for it); raises EnvironmentProblem when the device
            does not compute in the type. Without it `RuntimeModel.in_precision` alone refuses.
    """

    recognises: Callable[[str], bool]
    load: Callable[..., RuntimeModel]
    devices: Callable[[Sequence[int], str], Sequence[str]] = _cpu_alone
    check_dtype: Callable[[str, str, str], None] = lambda dtype, device, asked: None


def _load_with_mxnet(
    prefix: str, *, input_size_hw: tuple[int, int] | None, device: str, fuse: bool
) -> RuntimeModel:
    from gluon_ssd.deploy.mxnet.model import load_deployed

    return load_deployed(prefix, input_size_hw=input_size_hw, device=device, fuse=fuse)


def _load_with_onnxruntime(path: str, **options: Any) -> RuntimeModel:
    from gluon_ssd.deploy.onnx.model import load_onnx

    return load_onnx(path, **options)


def _load_with_openvino(path: str, **options: Any) -> RuntimeModel:
    from gluon_ssd.deploy.openvino.model import load_openvino

    return load_openvino(path, **options)


RUNTIMES: dict[str, Runtime] = {
    # Takes all files that no runtime below recognises, and says what is wrong with them.
    "mxnet": Runtime(
        recognises=lambda prefix: True,
        load=_load_with_mxnet,
        devices=usable_devices,
        check_dtype=check_dtype,
    ),
    # Of ONNX files OpenVINO is the other reader; without --backend they are ONNX Runtime's.
    "onnxruntime": Runtime(
        recognises=lambda prefix: prefix.endswith(".onnx"), load=_load_with_onnxruntime
    ),
    "openvino": Runtime(
        recognises=lambda prefix: prefix.endswith(".xml"), load=_load_with_openvino
    ),
}
"""Every runtime by name. The last one that recognises the files of a prefix is used: the first
entry takes any files, and a later one recognises its own files alone."""


def find_runtime(prefix: str, backend: str = "") -> Runtime:
    """The runtime of a name, or without one the last of `RUNTIMES` that recognises the files.

    Raises:
        OptionError: there is no runtime of that name.
    """
    if not backend:
        return [each for each in RUNTIMES.values() if each.recognises(prefix)][-1]
    if backend not in RUNTIMES:
        raise OptionError(f"the backend must be one of {', '.join(RUNTIMES)}; got {backend!r}")
    return RUNTIMES[backend]


def load_detector(
    prefix: str,
    *,
    input_size_hw: tuple[int, int] | None = None,
    device: str = "cpu",
    fuse: bool = True,
    backend: str = "",
) -> RuntimeModel:
    """Load a detector from files.

    Args:
        prefix: what the names of its files start with.
        input_size_hw: height and width of the images, px, for files that do not carry them.
        device: "cpu", or "gpu:" and a number.
        fuse: prepare the model for speed, which may change the last bits.
        backend: name of the runtime; without it the files decide, see `find_runtime`.

    Raises:
        ModelError, WeightsError: one line about the file that cannot be used; or the model takes
            other input than the pre-processing makes.
        OptionError: there is no backend of that name.
    """
    runtime = find_runtime(prefix, backend)
    model = runtime.load(prefix, input_size_hw=input_size_hw, device=device, fuse=fuse)
    model.check_input(prefix)
    return model
