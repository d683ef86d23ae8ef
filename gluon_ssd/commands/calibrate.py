"""``eval_ssd.py --calibration``: options -> a quantised model on disk, and how good it is."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.commands.wiring.data import evaluation_set, model_loader
from gluon_ssd.commands.wiring.models import (
    export_network_as,
    model_to_quantise,
    trained_network,
)
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.deploy.agreement import Agreement
from gluon_ssd.deploy.mxnet.files import exported_files
from gluon_ssd.deploy.mxnet.int8.child import quantize_in_child
from gluon_ssd.deploy.mxnet.int8.layer_errors import NUM_IMAGES as LAYER_IMAGES
from gluon_ssd.deploy.mxnet.int8.layer_errors import RANKING
from gluon_ssd.deploy.mxnet.int8.quantize import Prepared, check_images, check_pair
from gluon_ssd.deploy.mxnet.int8.quantize_graph import check_layers
from gluon_ssd.deploy.mxnet.int8.stored_batches import StoredBatches
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.report.layer_report import REPORT_SUFFIXES, layer_table, write_layer_report
from gluon_ssd.system.files import ensure_writable
from gluon_ssd.system.progress import progress_bar

_log = logging.getLogger(__name__)

_FOLDER = "model"
_COMPARED_IMAGES = 32  # all that is needed of them where no range is measured


def calibrate(command: EvalCommand, script_folder: Path) -> Iterator[str]:
    """Quantise the network or the exported model and compare the two; yields the lines to print.

    Args:
        command: the options.
        script_folder: where eval_ssd.py is; the legacy script writes into `model` beside itself.

    Raises:
        SsdError: one line about what stands in the way; then nothing was written.
    """
    options = command.deploy
    check_pair(options.calib_mode, options.quantized_dtype)
    folder = Path(options.calib_output or script_folder / _FOLDER)
    with fp32_model(command) as prepared:
        target = str(folder / f"{Path(prepared.prefix).name}-quantized-{options.calib_mode}")
        check_layers(prepared.network, options.excluded_layers)
        report = [Path(f"{target}-layers{end}") for end in REPORT_SUFFIXES if options.layer_report]
        for path in [*exported_files(target), *report]:
            ensure_writable(path)
        dataset = calibration_set(command, prepared)
        agreement, table = _quantize(command, prepared, target, dataset)
    yield f"Saving quantized model at {folder}"
    yield f"{Path(target).name}: {agreement}"
    if table:
        yield f"layers, the worst first ({target}-layers.png):\n{table}"
    yield (
        f"run it with: python eval_ssd.py --deploy --model-prefix {target} "
        f"--data-shape {prepared.input_size_hw[0]}"
    )


@contextmanager
def fp32_model(command: EvalCommand) -> Iterator[Prepared]:
    """The fp32 model, an exported one or a network that is exported into a temporary folder."""
    input_size_hw = command.model.input_size_hw
    if command.deploy.deploy:
        yield model_to_quantise(command.deploy.model_prefix or "", input_size_hw)
        return
    network = trained_network(
        command.network,
        command.eval.pretrained,
        classes_file=command.data.classes,
        options=command.model,
    )
    with tempfile.TemporaryDirectory(prefix="gluon_ssd-") as folder:
        prefix = str(Path(folder) / network.name)
        export_network_as(
            network, prefix, decoding=command.decoding, input_size_hw=input_size_hw, fused=False
        )
        yield model_to_quantise(prefix, input_size_hw)


def calibration_set(command: EvalCommand, model: DetectorFacts) -> ListedDataset:
    """The images to calibrate with, the first ones first.

    Without ``--calib-split`` they are those of the evaluation set in the order of its files, as
    legacy takes them; else a random order of the named splits.

    Raises:
        DataError: the data is not there, or its classes are not the model's.
    """
    split = command.deploy.calib_split
    if not split:
        return evaluation_set(command.data, model)
    is_usual = split == "train"
    drawn = replace(command.data, splits="" if is_usual else split, limit_images=0)
    dataset = evaluation_set(drawn, model, train=is_usual)
    order = np.random.default_rng(command.deploy.calib_seed).permutation(len(dataset))
    return dataset.subset(int(i) for i in order[: command.data.limit_images or None])


def _quantize(
    command: EvalCommand, prepared: Prepared, target: str, dataset: ListedDataset
) -> tuple[Agreement, str]:
    """How well the written model agrees, and the table of its layers if one was asked for."""
    options, batch_size = command.deploy, command.batch_size(on_gpus=False)
    wanted = options.num_calib_batches * batch_size
    if options.calib_mode == "none":
        wanted = min(wanted, _COMPARED_IMAGES)
    count = min(wanted, len(dataset))
    check_images(options.calib_mode, count)
    if count < wanted:
        _log.warning("the data set has %d images of the %d asked for", count, wanted)
    with (
        StoredBatches.create(prepared.image_shape, count) as batches,
        closing(_Bars()) as show,
    ):
        chosen = dataset.subset(range(count))
        with model_loader(command.data, chosen, prepared, batch_size) as loader:
            for batch in loader.epoch(0):
                batches.append(batch.arrays["image"])
                show("reading images", batches.num_images, count)
        agreement, errors = quantize_in_child(
            prepared.prefix,
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


class _Bars:
    """One progress bar after the other: a new one whenever something new is being done."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: Any = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            self.close()
            unit = "layer" if stage == RANKING else "img"
            self._stage, self._bar = stage, progress_bar(total=total, unit=unit, description=stage)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """End the last bar."""
        if self._bar is not None:
            self._bar.close()
