"""MXNet as the backend of a search: quantised by Intel Neural Compressor, run as deployed models.

What a trial is measured on is the very pair of files that is kept when it is the best: written,
read back, and run on every image.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import move_exported, write_exported
from gluon_ssd.deploy.mxnet.int8.quantize import Prepared, join_halves, prepare_detector
from gluon_ssd.deploy.mxnet.int8.quantize_graph import layer_names, with_onednn
from gluon_ssd.deploy.mxnet.model import deploy
from gluon_ssd.deploy.mxnet.model_files import files_behind
from gluon_ssd.deploy.mxnet.pair import exported_files
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.deploy.tuning.backend import (
    Backend,
    BuiltModel,
    Check,
    OperatorNames,
    TrialFailed,
    TryOut,
)
from gluon_ssd.deploy.tuning.footprint import measure_footprint
from gluon_ssd.deploy.tuning.graph_edits import (
    bytes_per_image,
    in_bfloat16,
    on_one_grid,
    operators_by_type,
    weight_bytes,
)
from gluon_ssd.deploy.tuning.mxnet_quantiser import Quantiser
from gluon_ssd.deploy.tuning.neural_compressor import (
    LOG,
    library_log,
    require_library,
    run_strategy,
)
from gluon_ssd.deploy.tuning.search_backend import Measures, SearchBackend
from gluon_ssd.deploy.tuning.trial import Choice, Measurement, SearchSettings
from gluon_ssd.errors import ModelError, last_line
from gluon_ssd.system.files import ensure_directory, sha1_of, write_problem
from gluon_ssd.system.scratch import scratch_folder


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
        images: as of `Quantiser`; as many as the largest of `settings.sampling_sizes`.
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
            scratch_folder(target) as folder,
        ):
            quantiser = Quantiser(prepared.network, prepared.params, images, settings)
            candidate = f"{folder}/candidate"
            yield _Backend(prepared, prefix_out, candidate, quantiser, measures, workspace)
    except OSError as error:
        raise write_problem(target, error) from error


@dataclass
class _Backend:
    """What `mxnet_backend` opens; the methods are those of `Backend`."""

    prepared: Prepared
    prefix_out: str
    candidate: str
    quantiser: Quantiser
    measures: Measures
    workspace: Path

    @property
    def name(self) -> str:
        return self.prepared.path

    @property
    def operators(self) -> tuple[str, ...]:
        return self.quantiser.operators

    def propose(self, try_out: TryOut, check: Check) -> None:
        self.quantiser.loader.check = check
        try:
            run_strategy(self.quantiser, try_out, self.workspace)
        except mx.MXNetError as error:
            raise ModelError(
                f"the search cannot go on: {last_line(error)}; see {self.workspace / LOG}"
            ) from error

    def build(self, choice: Choice | None) -> BuiltModel:
        prepared = self.prepared
        if choice is None:
            return _Model(self, self.name, weight_bytes(prepared.network, prepared.params))
        try:
            network, params = self.quantiser.network(choice)
            if not self.quantiser.settings.per_channel:
                params = on_one_grid(network, params)
            network = in_bfloat16(network, choice.names("bf16"))
            # The decoding comes behind the network.
            whole = replace(prepared, params={**prepared.params, **params})
            write_exported(join_halves(network, whole), self.candidate)
        except mx.MXNetError as error:
            raise TrialFailed(last_line(error)) from error
        except OSError as error:
            raise write_problem(self.candidate, error) from error
        return _Model(self, self.candidate, weight_bytes(network, params))

    def kept(self) -> str | None:
        files = exported_files(self.prefix_out)
        return sha1_of(files[0]) if all(path.is_file() for path in files) else None

    @cached_property
    def reference(self) -> RuntimeModel:
        """The fp32 model that others are timed beside."""
        whole = join_halves(self.prepared.network, self.prepared)
        return deploy(whole, input_size_hw=self.prepared.input_size_hw)


@dataclass
class _Model:
    """The pair of files of a prefix; a `BuiltModel`."""

    backend: _Backend
    prefix: str
    num_bytes: int

    def measure(self, *, footprint: bool) -> Measurement:
        backend, fp32, model = self.backend, self.backend.reference, self.backend.reference
        input_size_hw = backend.prepared.input_size_hw
        try:
            if self.prefix != backend.name:
                model = load_detector(self.prefix, input_size_hw=input_size_hw, backend="mxnet")
            accuracy = backend.measures.score(model)
            fp32_ms, own_ms = backend.measures.clock(fp32, model)
        except (mx.MXNetError, ModelError) as error:
            raise TrialFailed(last_line(error)) from error
        return Measurement(
            accuracy=accuracy,
            latency_ms=fp32_ms if model is fp32 else own_ms,
            fp32_ms=fp32_ms,
            weights_mib=self.num_bytes / 2**20,
            footprint_mib=measure_footprint(self.prefix, input_size_hw) if footprint else None,
        )

    def keep(self) -> str:
        move_exported(self.prefix, self.backend.prefix_out)
        return sha1_of(exported_files(self.backend.prefix_out)[0])


MXNET = SearchBackend(
    log=LOG,
    reads=(),
    require=require_library,
    prepare=prepare_detector,
    # An archive is one file, which stands for all of them.
    sources=lambda model: dict(
        zip(("symbol", "weights", "hyperparams"), files_behind(model.path), strict=False)
    ),
    files=exported_files,
    operator_names=operator_names,
    bytes_per_image=lambda model: bytes_per_image(model.network, model.params, model.image_shape),
    open=mxnet_backend,
)
