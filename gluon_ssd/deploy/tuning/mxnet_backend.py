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
from gluon_ssd.deploy.tuning.backend import Check, OperatorNames, TrialFailed, TryOut
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
) -> Iterator[MxnetBackend]:
    """Open the backend of one detector; its models in work are in a folder beside the result.

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
            yield MxnetBackend(
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


class MxnetBackend:
    """A `Backend`; see `mxnet_backend` for its arguments."""

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
        self._prepared = prepared
        self._prefix_out = prefix_out
        self._candidate = candidate
        self._quantiser = quantiser
        self._workspace = workspace

    def propose(self, try_out: TryOut, check: Check) -> None:
        """Try out what the library's strategy proposes."""
        self._quantiser.loader.check = check
        try:
            run_strategy(self._quantiser, try_out, self._workspace)
        except mx.MXNetError as error:
            raise ModelError(
                f"the search cannot go on: {last_line(error)}; see {self._workspace / LOG}"
            ) from error

    def fp32(self) -> MxnetModel:
        """The detector as it was given."""
        network, params = self._prepared.network, self._prepared.params
        return MxnetModel(self, self.name, weight_bytes(network, params))

    def build(self, choice: Choice) -> MxnetModel:
        """Write the candidate: a quantised network with the decoding behind it."""
        with _failure_of_one():
            network, params = self._quantiser.network(choice)
            if not self._quantiser.settings.per_channel:
                params = on_one_grid(network, params)
            network = in_bfloat16(network, choice.names("bf16"))
            whole = replace(self._prepared, params={**self._prepared.params, **params})
            write_exported(join_halves(network, whole), self._candidate)
        return MxnetModel(self, self._candidate, weight_bytes(network, params))

    def keep(self, prefix: str) -> str:
        """Give the files of a prefix the name of the result."""
        pairs = zip(exported_files(prefix), exported_files(self._prefix_out), strict=True)
        for source, end in pairs:
            os.replace(source, end)
        return sha1_of(exported_files(self._prefix_out)[0])

    def kept(self) -> str | None:
        """SHA-1 of the symbol file; None while one of the two files is missing."""
        files = exported_files(self._prefix_out)
        return sha1_of(files[0]) if all(path.is_file() for path in files) else None

    def load(self, prefix: str) -> DeployedModel:
        """Read a pair of files for running."""
        with _failure_of_one():
            return load_deployed(prefix, input_size_hw=self._prepared.input_size_hw)

    @cached_property
    def reference(self) -> DeployedModel:
        """The fp32 model that others are timed beside."""
        return self.load(self.name)

    def footprint_mib(self, prefix: str) -> float:
        """Memory of a process that runs a pair of files."""
        return measure_footprint(prefix, self._prepared.input_size_hw)


class MxnetModel:
    """A `BuiltModel`: the pair of files of a prefix, read when it is first run."""

    def __init__(self, backend: MxnetBackend, prefix: str, num_bytes: int) -> None:
        self._backend = backend
        self._prefix = prefix
        self._num_bytes = num_bytes

    @cached_property
    def _deployed(self) -> DeployedModel:
        is_fp32 = self._prefix == self._backend.name
        return self._backend.reference if is_fp32 else self._backend.load(self._prefix)

    def accuracy(self) -> float:
        """Score of the evaluation images, a fraction."""
        with _failure_of_one():
            return self._backend.measures.score(self._deployed)

    def times_ms(self) -> tuple[float, float]:
        """Median times of one image: this model's, and the fp32 model's in turns with it."""
        with _failure_of_one():
            fp32_ms, own_ms = self._backend.measures.clock(self._backend.reference, self._deployed)
        return own_ms, fp32_ms

    def weights_mib(self) -> float:
        """Size of the weights as the operators hold them."""
        return self._num_bytes / 2**20

    def footprint_mib(self) -> float:
        """Memory of a process that runs the files."""
        return self._backend.footprint_mib(self._prefix)

    def keep(self) -> str:
        """Move the files to the result; returns the SHA-1 of the symbol file."""
        return self._backend.keep(self._prefix)
