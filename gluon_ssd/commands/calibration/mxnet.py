"""``eval_ssd.py --calibration`` of an exported pair of MXNet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from gluon_ssd.commands.calibration.images import (
    Bars,
    calibration_batches,
    calibration_set,
    images_to_use,
)
from gluon_ssd.commands.calibration.score import scored_lines
from gluon_ssd.commands.wiring.float_models import float_model
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.deploy.agreement import Agreement
from gluon_ssd.deploy.mxnet.int8.child import quantize_in_child
from gluon_ssd.deploy.mxnet.int8.layer_errors import NUM_IMAGES as LAYER_IMAGES
from gluon_ssd.deploy.mxnet.int8.quantize import (
    Prepared,
    check_images,
    check_pair,
    prepare_detector,
)
from gluon_ssd.deploy.mxnet.int8.quantize_graph import check_layers
from gluon_ssd.deploy.mxnet.pair import exported_files
from gluon_ssd.errors import one_line
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.report.layer_report import REPORT_SUFFIXES, layer_table, write_layer_report
from gluon_ssd.system.files import ensure_writable
from gluon_ssd.system.run_lock import locked

_COMPARED_IMAGES = 32  # all that is needed of them where no range is measured


def calibrate_mxnet(command: EvalCommand, folder: Path) -> Iterator[str]:
    """Quantise for MXNet and compare the two; yields the lines to print.

    Args:
        command: the options.
        folder: where the result goes.

    Raises:
        SsdError: one line about what stands in the way; then nothing was written.
    """
    options = command.deploy
    check_pair(options.calib_mode, options.quantized_dtype)
    with (
        float_model(command, (), prepare_detector) as prepared,
        locked(_target(command, folder, prepared.prefix), settings=("calib_output",)),
    ):
        target = _target(command, folder, prepared.prefix)
        check_layers(prepared.network, options.excluded_layers)
        report = [Path(f"{target}-layers{end}") for end in REPORT_SUFFIXES if options.layer_report]
        for path in [*exported_files(target), *report]:
            ensure_writable(path)
        dataset = calibration_set(command, prepared)
        agreement, table = _quantize(command, prepared, target, dataset)
        yield one_line(f"Saving quantized model at {folder}")
        yield one_line(f"{Path(target).name}: {agreement}")
        if table:
            yield one_line(f"layers, the worst first ({target}-layers.png):") + f"\n{table}"
        yield one_line(
            f"run it with: python eval_ssd.py --deploy --model-prefix {target} "
            f"--data-shape {prepared.input_size_hw[0]}"
        )
        yield from scored_lines(command, prepared.path, target, "mxnet")


def _target(command: EvalCommand, folder: Path, source: str) -> str:
    """Prefix of the result."""
    return str(folder / f"{Path(source).name}-quantized-{command.deploy.calib_mode}")


def _quantize(
    command: EvalCommand, prepared: Prepared, target: str, dataset: ListedDataset
) -> tuple[Agreement, str]:
    """How well the written model agrees, and the table of its layers if one was asked for."""
    options = command.deploy
    most = _COMPARED_IMAGES if options.calib_mode == "none" else None
    count = images_to_use(command, dataset, most)
    check_images(options.calib_mode, count)
    with (
        closing(Bars()) as show,
        calibration_batches(command, prepared, dataset, count, show) as batches,
    ):
        agreement, errors = quantize_in_child(
            prepared.path,
            target,
            batches,
            mode=options.calib_mode,
            dtype=options.quantized_dtype,
            excluded=options.excluded_layers,
            rank_layers=options.layer_report,
            progress=show,
        )
    if not errors:
        return agreement, ""
    rows = [asdict(error) for error in errors]
    facts = {
        "model": Path(target).name,
        "calibration_images": count,
        "images_measured": min(count, LAYER_IMAGES),
    }
    write_layer_report(f"{target}-layers", rows, facts)
    return agreement, layer_table(rows)
