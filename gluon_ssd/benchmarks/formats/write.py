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
_EXTRAS = {"onnxruntime": "onnx", "openvino": "openvino"}
"""First part of a form's word -> extra of scripts/setup.sh that it needs."""


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
    writer, results = Writer(subject, folder, images), {}
    for word in words:
        if word == ORIGINAL and subject.original is None:
            continue
        form = FORMS[word]
        step(f"write {form.title}")
        results[word] = result = FormResult(form, writer.path(form))
        try:
            writer.write(form)
        except (EnvironmentProblem, ModelError, OptionError) as error:
            result.problem = str(error)
        else:
            result.size_bytes = sum(Path(file).stat().st_size for file in files_of(result.path))
    return results


class Writer:
    """Writes forms of one detector, each file once.

    Args:
        subject, folder, images: as of `write_forms`.
    """

    def __init__(self, subject: Subject, folder: Path, images: Floats) -> None:
        starts = range(0, len(images), _CALIBRATION_BATCH)
        self._batches = [images[start : start + _CALIBRATION_BATCH] for start in starts]
        self._subject, self._folder = subject, folder
        self._written = {subject.prefix}

    def path(self, form: Form) -> str:
        """Where a form is or will be: its file, or the prefix of its pair."""
        if form.is_mxnet and not form.is_int8:
            return self._subject.prefix
        return str(self._folder / f"{self._subject.name}{form.ending}")

    def write(self, form: Form) -> str:
        """Write a form that is not there yet; returns its path.

        Raises:
            ModelError: it has no such form.
            EnvironmentProblem: its package is missing, or the file cannot be written.
        """
        path = self.path(form)
        if path not in self._written:
            try:
                self._make(form, path)
            except ImportError as error:
                extra = _EXTRAS[form.word.partition("-")[0]]
                raise EnvironmentProblem(
                    f"a package is missing ({error}); run bash scripts/setup.sh --extras {extra}"
                ) from error
            self._written.add(path)
        return path

    def _make(self, form: Form, path: str) -> None:
        if form.word == "mxnet-int8":
            size_hw = self._subject.record.input_size_hw
            prepared = prepare_detector(self._subject.prefix, size_hw)
            quantize_detector(prepared, path, self._batches, mode="naive")
        elif form.word.startswith("onnxruntime"):
            self._make_onnx(form, path)
        else:
            self._make_openvino(form, path)

    def _make_onnx(self, form: Form, path: str) -> None:
        # Packages of other runtimes are imported when they are used.
        if not form.is_int8:
            from gluon_ssd.deploy.onnx.export import write_onnx

            write_onnx(self._subject.parts, path)
            return
        from gluon_ssd.deploy.onnx.float_detector import read_float_detector
        from gluon_ssd.deploy.onnx.quantize import quantize_onnx

        detector = read_float_detector(self.write(FORMS["onnxruntime"]))
        holds = "qdq" if form.word == "onnxruntime-qdq" else "qoperator"
        quantize_onnx(detector, path, self._batches, form=holds)

    def _make_openvino(self, form: Form, path: str) -> None:
        if not form.is_int8:
            from gluon_ssd.deploy.openvino.export import write_openvino

            write_openvino(self._subject.parts, path)
            return
        from gluon_ssd.deploy.openvino.float_detector import read_float_detector
        from gluon_ssd.deploy.openvino.quantize import quantize, write_quantized

        detector = read_float_detector(self.write(FORMS["openvino"]))
        found = quantize(detector, self._batches)
        write_quantized(found, detector, path, self._batches)
