"""OpenVINO as the backend of a search: quantised by NNCF, run as .xml files.

First the whole network is quantised, once with each number of calibration images. Where none of
these keeps the accuracy, NNCF's accuracy control gives layers back to float32 until the loss is
within the limit of the configuration; the strategy exhaustive leaves that out. What a trial is
measured on is the very pair of files that is kept when it is the best.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.deploy.openvino.export import save_ir
from gluon_ssd.deploy.openvino.float_detector import FloatDetector, read_float_detector
from gluon_ssd.deploy.openvino.ir_pair import ir_files, move_ir
from gluon_ssd.deploy.openvino.nncf_library import LOG, require_nncf
from gluon_ssd.deploy.openvino.quantize import (
    AccuracyLimit,
    Recipe,
    layers_in_float,
    quantize,
    quantize_within_limit,
    weight_bytes,
)
from gluon_ssd.deploy.tuning.backend import (
    Backend,
    Check,
    OperatorNames,
    TryOut,
)
from gluon_ssd.deploy.tuning.file_backend import FileBackend
from gluon_ssd.deploy.tuning.search_backend import Measures, SearchBackend
from gluon_ssd.deploy.tuning.trial import Choice, SearchSettings
from gluon_ssd.system.files import ensure_directory, sha1_of, write_problem
from gluon_ssd.system.scratch import scratch_folder

_ENDING = ".xml"
_RUNTIME = "openvino"
_ALGORITHM = "minmax"


@dataclass(frozen=True)
class RestoredChoice(Choice):
    """What NNCF's accuracy control makes of a choice; known when it was built."""

    in_float: list[str] = field(default_factory=list, compare=False)

    @property
    def key(self) -> str:
        """Of what the accuracy control starts from."""
        return hashlib.sha1(f"accuracy control of {super().key}".encode()).hexdigest()

    def names(self, kind: str) -> tuple[str, ...]:
        """The operators of one kind."""
        if kind == "fp32":
            return tuple(dict.fromkeys([*super().names(kind), *self.in_float]))
        return tuple(name for name in super().names(kind) if name not in self.in_float)

    def __str__(self) -> str:
        return f"{super().__str__()}, NNCF's accuracy control"


@contextmanager
def openvino_backend(
    detector: FloatDetector,
    prefix_out: str,
    images: np.ndarray,
    settings: SearchSettings,
    measures: Measures,
    *,
    workspace: Path,
) -> Iterator[Backend]:
    """Open the backend of one detector; models in work are in a folder beside the result.

    Args:
        detector: in float32.
        prefix_out: the two files of the result, their endings left out; the folder is made.
        images: float32 (N, 3, H, W), normalised, as many as the largest of
            `settings.sampling_sizes`.
        settings: what may be chosen, and by which strategy.
        measures: how models are measured.
        workspace: folder for what the library writes.

    Raises:
        EnvironmentProblem: the extra is missing, or a file cannot be written.
    """
    target = Path(f"{prefix_out}{_ENDING}")
    ensure_directory(target.parent)
    try:
        with scratch_folder(target) as folder:
            candidate = f"{folder}/candidate{_ENDING}"
            recipe = Recipe(settings.fp32_nodes, settings.per_channel, workspace / LOG)
            yield _Backend(detector, str(target), candidate, measures, images, settings, recipe)
    except OSError as error:
        raise write_problem(target, error) from error


@dataclass
class _Backend(FileBackend):
    """What `openvino_backend` opens; the methods are those of `Backend`."""

    runtime = "openvino"

    images: np.ndarray
    settings: SearchSettings
    recipe: Recipe
    check: Check = field(default=lambda: None)

    @property
    def operators(self) -> tuple[str, ...]:
        return self.detector.weighted

    def propose(self, try_out: TryOut, check: Check) -> None:
        self.check = check
        fp32 = try_out(None).measured
        goal = self.settings.goal(fp32.accuracy) if fp32 else 0.0
        found: dict[int, float] = {}
        for size in self.settings.sampling_sizes:
            measured = try_out(Choice(size, self._nodes())).measured
            found[size] = measured.accuracy if measured else -1.0
            if found[size] >= goal and not self.settings.go_on:
                return
        if max(found.values()) < goal and self.settings.strategy != "exhaustive":
            try_out(RestoredChoice(max(found, key=lambda size: found[size]), self._nodes()))

    def _nodes(self) -> dict[str, str]:
        fixed = self.settings.fp32_nodes
        return {name: "fp32" if name in fixed else _ALGORITHM for name in self.operators}

    @property
    def fp32_bytes(self) -> int:
        return weight_bytes(self.detector.network)

    def write(self, choice: Choice) -> int:
        network = self._network(choice)
        save_ir(network, self.candidate)
        return weight_bytes(network)

    def _network(self, choice: Choice) -> Any:
        batches = [self.images[: choice.calibration_images]]
        if not isinstance(choice, RestoredChoice):
            return quantize(self.detector, batches, self.recipe, check=self.check)
        settings = self.settings
        limit = AccuracyLimit(
            settings.tolerable_loss, settings.criterion == "relative", settings.max_trials
        )
        network = quantize_within_limit(
            self.detector, batches, self.measures.score, limit, self.recipe, check=self.check
        )
        choice.in_float[:] = layers_in_float(network, self.detector)
        return network

    def kept(self) -> str | None:
        graph, weights = ir_files(self.target)
        return sha1_of(weights) if graph.is_file() and weights.is_file() else None

    def keep(self, path: str) -> str:
        move_ir(path, self.target)
        return sha1_of(ir_files(self.target)[1])


def _prepare(path: str, input_size_hw: tuple[int, int] | None) -> FloatDetector:
    return read_float_detector(path)


def _sources(detector: FloatDetector) -> dict[str, Path]:
    if not detector.path.endswith(_ENDING):
        return {"model": Path(detector.path)}
    return dict(zip(("model", "weights"), ir_files(detector.path), strict=True))


OPENVINO = SearchBackend(
    log=LOG,
    reads=(_ENDING, ".onnx"),
    require=require_nncf,
    prepare=_prepare,
    sources=_sources,
    files=lambda prefix: ir_files(f"{prefix}{_ENDING}"),
    operator_names=lambda detector: OperatorNames(
        detector.layer_names(), detector.operators_by_type()
    ),
    bytes_per_image=lambda detector: detector.bytes_per_image(),
    open=openvino_backend,
    has_bfloat16=False,
    # Layers are always ranked by what int8 does to the predictions, so that two names mean one.
    strategies=("basic", "mse", "exhaustive"),
    algorithms=(_ALGORITHM,),
)
