"""``eval_ssd.py --calibration`` of an .onnx file, for ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from gluon_ssd.commands.calibration.images import (
    Bars,
    calibration_batches,
    calibration_set,
    images_to_use,
)
from gluon_ssd.commands.calibration.score import scored_lines
from gluon_ssd.commands.wiring.float_models import float_model
from gluon_ssd.deploy.onnx.float_detector import FloatDetector, read_float_detector
from gluon_ssd.deploy.onnx.quantize import (
    check_calibration,
    check_operators,
    quantize_onnx,
    require_quantizer,
)
from gluon_ssd.errors import OptionError, one_line
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.system.files import ensure_writable
from gluon_ssd.system.run_lock import locked


def calibrate_onnx(command: EvalCommand, folder: Path) -> Iterator[str]:
    """Quantise to an .onnx file and compare the two; yields the lines to print.

    Args:
        command: the options.
        folder: where the result goes.

    Raises:
        SsdError: one line about what stands in the way; then nothing was written.
    """
    options = command.deploy
    require_quantizer()
    if options.layer_report:
        raise OptionError("--layer-report is for models of MXNet alone; leave it out")
    with (
        float_model(command, (".onnx",), _read) as detector,
        locked(_target(command, folder, detector.prefix), settings=("calib_output",)),
    ):
        target = _target(command, folder, detector.prefix)
        check_operators(detector, options.excluded_layers)
        ensure_writable(target)
        dataset = calibration_set(command, detector)
        count = images_to_use(command, dataset)
        check_calibration(options.calib_mode, options.quantized_dtype, count)
        with (
            closing(Bars()) as show,
            calibration_batches(command, detector, dataset, count, show) as batches,
        ):
            agreement = quantize_onnx(
                detector,
                target,
                batches,
                form=options.int8_form,
                mode=options.calib_mode,
                dtype=options.quantized_dtype,
                excluded=options.excluded_layers,
                progress=show,
            )
        yield one_line(f"Saving quantized model at {folder}")
        yield one_line(f"{target.name}: {agreement}")
        yield one_line(f"run it with: python eval_ssd.py --deploy --model-prefix {target}")
        yield from scored_lines(command, detector.path, str(target), "onnxruntime")


def _target(command: EvalCommand, folder: Path, source: str) -> Path:
    """The file of the result."""
    options = command.deploy
    name = f"{Path(source).name}-quantized-{options.calib_mode}-{options.int8_form}"
    return folder / f"{name}.onnx"


def _read(path: str, input_size_hw: tuple[int, int] | None) -> FloatDetector:
    return read_float_detector(path)
