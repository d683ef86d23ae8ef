"""MXNet as the backend of a search: quantised by Intel Neural Compressor, run as deployed models.

What a trial is measured on is the very pair of files that is kept when it is the best: written,
read back, and run on every image.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import exported_files, last_line, write_exported
from gluon_ssd.deploy.mxnet.int8.quantize import Prepared, join_halves
from gluon_ssd.deploy.mxnet.int8.quantize_graph import layer_names, with_onednn
from gluon_ssd.deploy.mxnet.model import DeployedModel, load_deployed
from gluon_ssd.deploy.tuning.backend import (
    Backend,
    BuiltModel,
    Check,
    OperatorNames,
    TrialFailed,
    TryOut,
)
from gluon_ssd.deploy.tuning.calibration_loader import CalibrationLoader
from gluon_ssd.deploy.tuning.footprint import measure_footprint
from gluon_ssd.deploy.tuning.graph_edits import (
    in_bfloat16,
    on_one_grid,
    operators_by_type,
    weight_bytes,
)
from gluon_ssd.deploy.tuning.neural_compressor import LOG, Quantiser, library_log, run_strategy
from gluon_ssd.deploy.tuning.trial import Choice, SearchSettings
from gluon_ssd.errors import ModelError
from gluon_ssd.system.files import ensure_directory, sha1_of, write_problem


@dataclass(frozen=True)
class Measures:
    """How models are measured.

    Attributes:
        score: a model -> its accuracy, a fraction.
        clock: (fp32 model, model) -> median time of one image of each in ms, run in turns.
    """

    score: Callable[[DeployedModel], float]
    clock: Callable[[DeployedModel, DeployedModel], tuple[float, float]]


def operator_names(prepared: Prepared) -> OperatorNames:
    """The operators of a detector that a configuration may name."""
    fused = with_onednn(prepared.network, calibrated=True)
    return OperatorNames(layer_names(fused), operators_by_type(fused))


@contextmanager
def mxnet_backend(
    prepared: Prepared,
    prefix_out: str,
    images: np.ndarray,
    settings: SearchSettings,
    measures: Measures,
    *,
    workspace: Path,
) -> Iterator[Backend]:
    """Open the MXNet backend of one detector; models in work are in a folder beside the result.

    Args:
        prepared: the fp32 detector.
        prefix_out: the two files of the result; the folder is made.
        images: float32 (N, 3, H, W), normalised, for calibration; as many as the largest of
            `settings.sampling_sizes`.
        settings: what may be chosen, and by which strategy.
        measures: how models are measured.
        workspace: folder for what the library writes.

    Raises:
        EnvironmentProblem: the extra is missing, or a file cannot be written.
    """
    target = Path(prefix_out)
    ensure_directory(target.parent)
    try:
        with (
            library_log(workspace / LOG),
            tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder,
        ):
            loader = CalibrationLoader(images, settings.batch_size)
            quantiser = Quantiser(prepared.network, prepared.params, loader, settings)
            yield _Backend(
                prepared, prefix_out, f"{folder}/candidate", quantiser, measures, workspace
            )
    except OSError as error:
        raise write_problem(target, error) from error


@contextmanager
def _failure_of_one() -> Iterator[None]:
    """What MXNet cannot run is the failure of one model, not of the search."""
    try:
        yield
    except mx.MXNetError as error:
        raise TrialFailed(last_line(error)) from error


class _Backend:
    """What `mxnet_backend` opens; the methods are those of `Backend`."""

    def __init__(
        self,
        prepared: Prepared,
        prefix_out: str,
        candidate: str,
        quantiser: Quantiser,
        measures: Measures,
        workspace: Path,
    ) -> None:
        self.name = prepared.prefix
        self.operators = quantiser.operators
        self.measures = measures
        self.prefix_out = prefix_out
        self.input_size_hw = prepared.input_size_hw
        self._prepared = prepared
        self._candidate = candidate
        self._quantiser = quantiser
        self._workspace = workspace

    def propose(self, try_out: TryOut, check: Check) -> None:
        self._quantiser.loader.check = check
        try:
            run_strategy(self._quantiser, try_out, self._workspace)
        except mx.MXNetError as error:
            raise ModelError(
                f"the search cannot go on: {last_line(error)}; see {self._workspace / LOG}"
            ) from error

    def fp32(self) -> BuiltModel:
        network, params = self._prepared.network, self._prepared.params
        return _Model(self, self.name, weight_bytes(network, params))

    def build(self, choice: Choice) -> BuiltModel:
        with _failure_of_one():
            network, params = self._quantiser.network(choice)
            if not self._quantiser.settings.per_channel:
                params = on_one_grid(network, params)
            network = in_bfloat16(network, choice.names("bf16"))
            whole = replace(self._prepared, params={**self._prepared.params, **params})
            # The decoding comes behind the network.
            write_exported(join_halves(network, whole), self._candidate)
        return _Model(self, self._candidate, weight_bytes(network, params))

    def kept(self) -> str | None:
        files = exported_files(self.prefix_out)
        return sha1_of(files[0]) if all(path.is_file() for path in files) else None

    @cached_property
    def reference(self) -> DeployedModel:
        """The fp32 model that others are timed beside."""
        return load_deployed(self.name, input_size_hw=self.input_size_hw)


class _Model:
    """The pair of files of a prefix, read when it is first run; a `BuiltModel`."""

    def __init__(self, backend: _Backend, prefix: str, num_bytes: int) -> None:
        self._backend, self._prefix, self._num_bytes = backend, prefix, num_bytes

    @cached_property
    def _deployed(self) -> DeployedModel:
        if self._prefix == self._backend.name:
            return self._backend.reference
        return load_deployed(self._prefix, input_size_hw=self._backend.input_size_hw)

    def accuracy(self) -> float:
        with _failure_of_one():
            return self._backend.measures.score(self._deployed)

    def times_ms(self) -> tuple[float, float]:
        with _failure_of_one():
            fp32_ms, own_ms = self._backend.measures.clock(self._backend.reference, self._deployed)
        return own_ms, fp32_ms

    def weights_mib(self) -> float:
        return self._num_bytes / 2**20

    def footprint_mib(self) -> float:
        return measure_footprint(self._prefix, self._backend.input_size_hw)

    def keep(self) -> str:
        ends = exported_files(self._backend.prefix_out)
        for source, end in zip(exported_files(self._prefix), ends, strict=True):
            os.replace(source, end)
        return sha1_of(ends[0])
