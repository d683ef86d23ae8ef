"""The best threshold of each class -> the record of the detector that was scored."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.deploy.mxnet.pair import files_to_read
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.errors import ModelError, OptionError, one_line
from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.inference.analysis import class_thresholds
from gluon_ssd.inference.thresholds import USUAL_THRESHOLD
from gluon_ssd.models.record import ModelRecord, read_sidecar, sidecar_path, write_sidecar
from gluon_ssd.options.evaluate import EvalCommand

_OF_RUNTIMES = (".onnx", ".xml")

Change = Callable[[ModelRecord], ModelRecord]


def check_thresholds_can_be_kept(command: EvalCommand, model: DetectorFacts) -> None:
    """Before any work, raise an error where no record is there to keep them in.

    Raises:
        OptionError: the model is no file, or one in a folder or an archive.
        ModelError: it carries no record.
    """
    prefix = command.deploy.model_prefix or ""
    if command.deploy.deploy:
        if not prefix.endswith(_OF_RUNTIMES) and not files_to_read(prefix)[0].is_file():
            raise OptionError(
                f"--save-thresholds writes into the files of a model, and {prefix} is a folder or "
                "an archive; name the prefix of a pair"
            )
        if model.record is None:
            raise ModelError(
                f"--save-thresholds writes into the record of a model, and {prefix} carries none; "
                "export it with scripts/export_ssd.py"
            )
    elif read_sidecar(command.eval.pretrained) is None:
        raise OptionError(
            "--save-thresholds writes into the files of a model: name an exported one with "
            "--model-prefix, or by --pretrained a .params file that has its .json beside it"
        )


def keep_thresholds(command: EvalCommand, found: Detections, dataset: ListedDataset) -> str:
    """Write the threshold of the best F1 of each class; returns the line to print.

    A class that was not found at all keeps the threshold it had, or has the usual one.

    Args:
        command: names the model.
        found: what it found in the data set.
        dataset: in the label order of the model.

    Raises:
        SsdError: the files cannot be read or written.
    """
    best = dict(zip(dataset.classes, class_thresholds(found, dataset).tolist(), strict=True))
    named = {name: value for name, value in best.items() if not math.isnan(value)}
    path = _changed(command, lambda record: _with(record, named, dataset.classes))
    span = f"{min(named.values()):.3f} to {max(named.values()):.3f}" if named else "none"
    return one_line(
        f"thresholds of the best F1 of {len(named)} of {len(dataset.classes)} classes ({span}) "
        f"are in {path}"
    )


def _with(record: ModelRecord, named: Mapping[str, float], classes: tuple[str, ...]) -> ModelRecord:
    names = record.classes if record.has_names else classes
    earlier = record.thresholds or (USUAL_THRESHOLD,) * len(names)
    values = [named.get(name, old) for name, old in zip(names, earlier, strict=True)]
    return replace(record, thresholds=tuple(np.round(values, 6).tolist()))


def _changed(command: EvalCommand, change: Change) -> str:
    """Change the record of the model; returns the file that holds it."""
    prefix = command.deploy.model_prefix or ""
    if not command.deploy.deploy:
        path = command.eval.pretrained
        record = read_sidecar(path)
        if record is None:
            raise ModelError(f"there is no record beside {path} any more")
        write_sidecar(path, change(record))
        return str(sidecar_path(path))
    # Each needs its own package, which the model was run with.
    if prefix.endswith(".onnx"):
        from gluon_ssd.deploy.onnx.change_record import change_record
    elif prefix.endswith(".xml"):
        from gluon_ssd.deploy.openvino.change_record import change_record
    else:
        from gluon_ssd.deploy.mxnet.change_record import change_record
    return change_record(prefix, change)
