"""``eval_ssd.py --calibration``: options -> a quantised model on disk, and how good it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from gluon_ssd.deploy.runtime import RUNTIMES, find_runtime
from gluon_ssd.errors import OptionError
from gluon_ssd.options.evaluate import DeployOptions, EvalCommand

_FOLDER = "model"

Calibrate = Callable[[EvalCommand, Path], Iterator[str]]
"""Options and folder of the result -> the lines to print."""


def _for_mxnet(command: EvalCommand, folder: Path) -> Iterator[str]:
    from gluon_ssd.commands.calibration.mxnet import calibrate_mxnet

    return calibrate_mxnet(command, folder)


def _for_onnxruntime(command: EvalCommand, folder: Path) -> Iterator[str]:
    from gluon_ssd.commands.calibration.onnx import calibrate_onnx

    return calibrate_onnx(command, folder)


def _for_openvino(command: EvalCommand, folder: Path) -> Iterator[str]:
    from gluon_ssd.commands.calibration.openvino import calibrate_openvino

    return calibrate_openvino(command, folder)


CALIBRATIONS: dict[str, Calibrate] = {
    "mxnet": _for_mxnet,
    "onnxruntime": _for_onnxruntime,
    "openvino": _for_openvino,
}
"""Name of a runtime -> what quantises for it; the function imports its framework."""


def calibrate(command: EvalCommand, script_folder: Path) -> Iterator[str]:
    """Quantise the network or the exported model and compare the two; yields the lines to print.

    The runtime is that of --backend, or of the files, or MXNet for a network.

    Args:
        command: the options.
        script_folder: where eval_ssd.py is; the legacy script writes into `model` beside itself.

    Raises:
        SsdError: one line about what stands in the way; then nothing was written.
    """
    prefix = (command.deploy.model_prefix or "") if command.deploy.deploy else ""
    runtime = find_runtime(prefix, command.runtime.named_backend)
    (name,) = (name for name, each in RUNTIMES.items() if each is runtime)
    if name not in CALIBRATIONS:
        raise OptionError(f"--calibration makes no models for {name}; leave out --backend")
    form = command.deploy.int8_form
    if name != "onnxruntime" and form != DeployOptions.int8_form:
        raise OptionError(
            f"--int8-form {form} is for .onnx files, and this model is for {name}; leave it out"
        )
    folder = Path(command.deploy.calib_output or script_folder / _FOLDER)
    return CALIBRATIONS[name](command, folder)
