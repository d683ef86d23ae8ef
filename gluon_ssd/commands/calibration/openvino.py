"""``eval_ssd.py --calibration --backend openvino``: to an .xml and a .bin file, through NNCF."""

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
from gluon_ssd.deploy.openvino.float_detector import FloatDetector, read_float_detector
from gluon_ssd.deploy.openvino.ir_pair import ir_files
from gluon_ssd.deploy.openvino.nncf_library import require_nncf
from gluon_ssd.deploy.openvino.quantize import (
    Recipe,
    check_calibration,
    quantize,
    write_quantized,
)
from gluon_ssd.errors import OptionError, one_line
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.system.files import ensure_writable
from gluon_ssd.system.run_lock import locked


def calibrate_openvino(command: EvalCommand, folder: Path) -> Iterator[str]:
    """Quantise to an .xml file and compare the two; yields the lines to print.

    Args:
        command: the options.
        folder: where the result goes.

    Raises:
        SsdError: one line about what stands in the way; then nothing was written.
    """
    options = command.deploy
    check_calibration(options.calib_mode, options.quantized_dtype)
    if options.layer_report:
        raise OptionError("--layer-report is for models of MXNet alone; leave it out")
    require_nncf()
    with (
        float_model(command, (".xml", ".onnx"), _read) as detector,
        locked(_target(command, folder, detector.prefix), settings=("calib_output",)),
    ):
        target = _target(command, folder, detector.prefix)
        recipe = Recipe(in_float=detector.operators_named(options.excluded_layers))
        for path in ir_files(target):
            ensure_writable(path)
        dataset = calibration_set(command, detector)
        count = images_to_use(command, dataset)
        with (
            closing(Bars()) as show,
            calibration_batches(command, detector, dataset, count, show) as batches,
        ):
            counter = _Counter(show, count)
            network = quantize(detector, batches, recipe, check=counter)
            agreement = write_quantized(network, detector, str(target), batches, progress=show)
        yield one_line(f"Saving quantized model at {folder}")
        yield one_line(f"{target.name}: {agreement}")
        yield one_line(f"run it with: python eval_ssd.py --deploy --model-prefix {target}")
        yield from scored_lines(command, detector.path, str(target), "openvino")


class _Counter:
    """Shows how many images NNCF has taken; it may take some more than once."""

    def __init__(self, show: Bars, total: int) -> None:
        self._show, self._done, self._total = show, 0, total

    def __call__(self) -> None:
        self._done = min(self._done + 1, self._total)
        self._show("calibrate", self._done, self._total)


def _target(command: EvalCommand, folder: Path, source: str) -> Path:
    """The graph's file of the result."""
    return folder / f"{Path(source).name}-quantized-{command.deploy.calib_mode}.xml"


def _read(path: str, input_size_hw: tuple[int, int] | None) -> FloatDetector:
    return read_float_detector(path)
