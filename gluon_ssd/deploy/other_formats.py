"""Write a detector for other programs, proved before the file takes its name."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.deploy.detector_parts import DetectorParts
from gluon_ssd.deploy.mxnet.files import Exported
from gluon_ssd.deploy.mxnet.parts import check_float32, detector_parts
from gluon_ssd.deploy.mxnet.plain import PlainDetector
from gluon_ssd.deploy.proof import Candidate, Proof, prove
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.errors import EnvironmentProblem, OptionError, SsdError
from gluon_ssd.system.files import ensure_writable, write_problem
from gluon_ssd.system.scratch import scratch_folder
from gluon_ssd.system.threads import inference_threads

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}
"""Format -> how its file ends."""

_PACKAGES = {
    "onnx": ("onnx", "onnxruntime"),
    "openvino": ("onnx", "openvino"),
}
_EXTRAS = {"onnx": ("onnx",), "openvino": ("onnx", "openvino")}

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Target:
    """What to write.

    Attributes:
        format: of `SUFFIXES`.
        path: of the file; a second one of OpenVINO lies beside it.
        form, batch, opset, folds_preprocessing: of ONNX, as of `write_onnx`; of OpenVINO the batch
            alone.
    """

    format: str
    path: str
    form: str = "raw"
    batch: int | None = None
    opset: int | None = None
    folds_preprocessing: bool = False

    def write(self, parts: DetectorParts, path: Path) -> None:
        """Write the detector to that place; errors as of `write_onnx` and `write_openvino`."""
        if self.format == "openvino":
            from gluon_ssd.deploy.openvino.export import write_openvino

            write_openvino(parts, path, batch=self.batch)
            return
        from gluon_ssd.deploy.onnx.export import write_onnx

        settings: dict[str, Any] = {} if self.opset is None else {"opset": self.opset}
        write_onnx(
            parts,
            path,
            form=self.form,
            batch=self.batch,
            folds_preprocessing=self.folds_preprocessing,
            **settings,
        )

    def load(self, path: Path) -> RuntimeModel:
        """What was written there, on the processor."""
        if self.folds_preprocessing:
            from gluon_ssd.deploy.onnx.folded import folded_detector

            return folded_detector(str(path))
        # Its threads are told, since a model that follows the load reads its file again later.
        return load_detector(str(path), threads=inference_threads(0))


def write_proven(
    exported: Exported,
    target: Target,
    batches: Iterable[Floats],
    *,
    input_size_hw: tuple[int, int] | None = None,
    classes: tuple[str, ...] = (),
) -> tuple[DetectorParts, Proof]:
    """Write a float32 detector in another format.

    Args:
        exported: the detector; its graph is changed.
        target: format and place.
        batches: images for the proof, float32 (B, 3, H, W), normalised; made of whole grey levels
            where pre-processing is folded in.
        input_size_hw, classes: as of `detector_parts`.

    Returns:
        The detector in parts, and what was compared.

    Raises:
        OptionError: the file's name has another ending than its format.
        ModelError: the detector has no such form, or the file computes something else; nothing is
            written then.
        WeightsError: as of `detector_parts`.
        EnvironmentProblem: the file cannot be written, or the format's package is not installed.
    """
    path, suffix = Path(target.path), SUFFIXES[target.format]
    if path.suffix != suffix:
        raise OptionError(
            f"a file of the format {target.format} ends in {suffix}; got {path}",
            settings=("output",),
        )
    ensure_writable(path)
    _check_packages(target.format)
    size_hw = exported.input_size_hw(input_size_hw)
    check_float32(exported, size_hw)
    reference = PlainDetector(exported, size_hw)
    parts = detector_parts(exported, input_size_hw=input_size_hw, classes=classes)
    with _replacing(path) as staged, scratch_folder() as scratch:
        target.write(parts, staged)
        model = raw = target.load(staged)
        if not model.can_split:
            # Its raw outputs do not come out: they are those of the same network in raw form.
            as_raw = replace(target, form="raw")
            as_raw.write(parts, Path(scratch) / path.name)
            raw = as_raw.load(Path(scratch) / path.name)
        proof = prove(reference, _candidate(raw, model), batches, name=str(path))
    return parts, proof


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file in a hidden folder; all files of that folder take their places at the end.

    Where the block raises, nothing is written. Messages that name the hidden file name the one
    that was asked for.
    """
    staged = path
    try:
        with scratch_folder(path) as folder:
            staged = Path(folder) / path.name
            yield staged
            # The file that is looked for comes first: a graph tells weights that are not its own.
            for written in sorted(Path(folder).iterdir(), key=lambda each: each.name != path.name):
                os.replace(written, path.with_name(written.name))
    except OSError as error:
        raise write_problem(path, error) from error
    except SsdError as error:
        if isinstance(error, EnvironmentProblem) and isinstance(error.__cause__, OSError):
            raise write_problem(path, error.__cause__) from error
        error.args = (str(error).replace(str(staged), str(path)), *error.args[1:])
        raise


def _check_packages(format: str) -> None:
    for package in _PACKAGES[format]:
        if importlib.util.find_spec(package) is None:
            raise EnvironmentProblem(
                f"the format {format} needs the package {package}, which is not installed; install "
                f"it with: bash scripts/setup.sh --extras {','.join(_EXTRAS[format])}"
            )


def _candidate(raw: RuntimeModel, model: RuntimeModel) -> Candidate:
    def raw_outputs(images: Floats) -> tuple[Floats, Floats]:
        logits, offsets = (as_numpy(output) for output in raw.run_heads(images))
        return logits, offsets

    def detect(images: Floats) -> Floats:
        rows: Floats = np.concatenate([as_numpy(o) for o in model.run(images)], axis=2)
        return rows

    return Candidate(raw_outputs, detect)
