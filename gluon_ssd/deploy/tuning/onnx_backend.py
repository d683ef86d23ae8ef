"""ONNX Runtime as the backend of a search: quantised by its quantiser, run as .onnx files.

What a trial is measured on is the very file that is kept when it is the best: written, read back,
and run on every image.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gluon_ssd.deploy.onnx.candidates import Candidates, weight_bytes, write_model
from gluon_ssd.deploy.onnx.float_detector import FloatDetector, read_float_detector
from gluon_ssd.deploy.onnx.quantize import require_quantizer
from gluon_ssd.deploy.tuning.backend import (
    Backend,
    Check,
    OperatorNames,
    TryOut,
)
from gluon_ssd.deploy.tuning.file_backend import FileBackend
from gluon_ssd.deploy.tuning.neural_compressor import (
    LOG,
    library_log,
    require_library,
    run_strategy,
)
from gluon_ssd.deploy.tuning.onnx_quantiser import OnnxQuantiser
from gluon_ssd.deploy.tuning.search_backend import Measures, SearchBackend
from gluon_ssd.deploy.tuning.trial import Choice, SearchSettings
from gluon_ssd.system.files import ensure_directory, sha1_of, write_problem
from gluon_ssd.system.scratch import scratch_folder

_ENDING = ".onnx"
_RUNTIME = "onnxruntime"


def operator_names(detector: FloatDetector) -> OperatorNames:
    """The operators of a detector that a configuration may name."""
    return OperatorNames(detector.layer_names(), detector.operators_by_type())


@contextmanager
def onnx_backend(
    detector: FloatDetector,
    prefix_out: str,
    images: np.ndarray,
    settings: SearchSettings,
    measures: Measures,
    *,
    workspace: Path,
    form: str,
) -> Iterator[Backend]:
    """Open the backend of one detector; models in work are in a folder beside the result.

    Args:
        detector: in float32.
        prefix_out: the file of the result, its ending left out; the folder is made.
        images: float32 (N, 3, H, W), normalised, as many as the largest of
            `settings.sampling_sizes`.
        settings: what may be chosen, and by which strategy.
        measures: how models are measured.
        workspace: folder for what the library writes.
        form: of `ONNX_FORMS`.

    Raises:
        EnvironmentProblem: an extra is missing, or a file cannot be written.
    """
    target = Path(f"{prefix_out}{_ENDING}")
    ensure_directory(target.parent)
    try:
        with (
            library_log(workspace / LOG),
            scratch_folder(target) as folder,
        ):
            candidates = Candidates(detector, images, form=form, per_channel=settings.per_channel)
            quantiser = OnnxQuantiser(candidates, images, settings)
            candidate = f"{folder}/candidate{_ENDING}"
            yield _Backend(
                detector, str(target), candidate, measures, candidates, quantiser, workspace
            )
    except OSError as error:
        raise write_problem(target, error) from error


@dataclass
class _Backend(FileBackend):
    """What `onnx_backend` opens; the methods are those of `Backend`."""

    runtime = "onnxruntime"

    candidates: Candidates
    quantiser: OnnxQuantiser
    workspace: Path

    @property
    def operators(self) -> tuple[str, ...]:
        return self.quantiser.operators

    def propose(self, try_out: TryOut, check: Check) -> None:
        self.quantiser.loader.check = check
        run_strategy(self.quantiser, try_out, self.workspace)

    @property
    def fp32_bytes(self) -> int:
        return weight_bytes(self.detector.model)

    def write(self, choice: Choice) -> int:
        model = self.candidates.model(choice.nodes, choice.calibration_images)
        write_model(model, self.candidate)
        return weight_bytes(model)

    def kept(self) -> str | None:
        return sha1_of(self.target) if Path(self.target).is_file() else None

    def keep(self, path: str) -> str:
        os.replace(path, self.target)
        return sha1_of(self.target)


def _require() -> None:
    require_library()
    require_quantizer()


def _prepare(path: str, input_size_hw: tuple[int, int] | None) -> FloatDetector:
    return read_float_detector(path)


def _search_backend(form: str) -> SearchBackend:
    opened: Callable[..., AbstractContextManager[Backend]]
    opened = functools.partial(onnx_backend, form=form)
    return SearchBackend(
        log=LOG,
        reads=(_ENDING,),
        require=_require,
        prepare=_prepare,
        sources=lambda detector: {"model": Path(detector.path)},
        files=lambda prefix: (Path(f"{prefix}{_ENDING}"),),
        operator_names=operator_names,
        bytes_per_image=lambda detector: detector.bytes_per_image(),
        open=opened,
        has_bfloat16=False,
    )


QLINEAR, QDQ = _search_backend("qoperator"), _search_backend("qdq")
"""For files of integer operators, and of float ones between operators that round."""
