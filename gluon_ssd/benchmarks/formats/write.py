"""Write every form of a detector to files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.benchmarks.formats.forms import FORMS, ORIGINAL, Form, files_of
from gluon_ssd.benchmarks.formats.results import FormResult
from gluon_ssd.benchmarks.formats.subjects import Subject
from gluon_ssd.deploy.mxnet.int8.quantize import prepare_detector, quantize_detector
from gluon_ssd.errors import EnvironmentProblem, ModelError, OptionError

Floats = NDArray[np.float32]
_CALIBRATION_BATCH = 8

Make = Callable[[Subject, str, Sequence[Floats]], object]
"""(detector, path to write, batches to calibrate with)"""


def write_forms(
    subject: Subject,
    words: Sequence[str],
    folder: Path,
    images: Floats,
    step: Callable[[str], None],
) -> dict[str, FormResult]:
    """Write the files of some forms; those that cannot be had carry their problem.

    Args:
        subject: the detector.
        words: the forms, keys of `FORMS`.
        folder: for the files, NAME and the ending of the form.
        images: float32 (N, 3, H, W), normalised, to calibrate int8 forms with.
        step: told what is done next.
    """
    batches = [
        images[start : start + _CALIBRATION_BATCH]
        for start in range(0, len(images), _CALIBRATION_BATCH)
    ]
    results: dict[str, FormResult] = {}
    for word in words:
        form = FORMS[word]
        if word == ORIGINAL and subject.original is None:
            continue
        path = _path(subject, form, folder)
        results[word] = result = FormResult(form, path)
        step(f"write {form.title}")
        try:
            if word in _MAKERS and not any(path == r.path for w, r in results.items() if w != word):
                _MAKERS[word](subject, path, batches)
        except (EnvironmentProblem, ModelError, OptionError) as error:
            result.problem = str(error)
        else:
            result.size_bytes = sum(Path(file).stat().st_size for file in files_of(path))
    return results


def _path(subject: Subject, form: Form, folder: Path) -> str:
    if form.is_mxnet and not form.is_int8:
        return subject.prefix
    return str(folder / f"{subject.name}{form.ending}")


def _mxnet_int8(subject: Subject, path: str, batches: Sequence[Floats]) -> None:
    prepared = prepare_detector(subject.prefix, subject.record.input_size_hw)
    quantize_detector(prepared, path, batches, mode="naive")


def _onnx(subject: Subject, path: str, batches: Sequence[Floats]) -> None:
    from gluon_ssd.deploy.onnx.export import write_onnx

    write_onnx(subject.parts, path)


def _openvino(subject: Subject, path: str, batches: Sequence[Floats]) -> None:
    from gluon_ssd.deploy.openvino.export import write_openvino

    write_openvino(subject.parts, path)


_MAKERS: dict[str, Make] = {
    "mxnet-int8": _mxnet_int8,
    "onnxruntime": _onnx,
    "openvino": _openvino,
    "openvino-bf16": _openvino,
}
"""What writes the files of a form, where they are not there already. Packages of a runtime are
imported when they are used."""
