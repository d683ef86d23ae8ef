"""What backends of a search share whose models are files that a runtime reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.deploy.tuning.backend import BuiltModel, TrialFailed
from gluon_ssd.deploy.tuning.footprint import measure_footprint
from gluon_ssd.deploy.tuning.search_backend import Measures
from gluon_ssd.deploy.tuning.trial import Choice, Measurement
from gluon_ssd.errors import ModelError


@dataclass
class FileBackend(ABC):
    """A detector, the file of the model in work, and that of the result.

    Attributes:
        detector: in float32; its `path` is the file that others are timed beside.
        target: the file of the result.
        candidate: the file of the model in work, in a folder beside it.
        measures: how models are measured.
    """

    runtime: ClassVar[str]

    detector: Any
    target: str
    candidate: str
    measures: Measures

    @property
    def name(self) -> str:
        """See `Backend`."""
        return str(self.detector.path)

    @cached_property
    def reference(self) -> RuntimeModel:
        """The fp32 model that others are timed beside."""
        return load_detector(self.name, backend=self.runtime)

    @property
    @abstractmethod
    def fp32_bytes(self) -> int:
        """Of the weights of the float32 detector."""

    @abstractmethod
    def write(self, choice: Choice) -> int:
        """Quantise into `candidate`; returns the bytes of its weights. Raises ModelError."""

    @abstractmethod
    def keep(self, path: str) -> str:
        """Let a file take the place of `target`; returns the fingerprint of the result."""

    def build(self, choice: Choice | None) -> BuiltModel:
        """See `Backend`."""
        if choice is None:
            return FileModel(self, self.name, self.fp32_bytes)
        try:
            num_bytes = self.write(choice)
        except ModelError as error:
            raise TrialFailed(str(error)) from error
        return FileModel(self, self.candidate, num_bytes)


@dataclass(frozen=True)
class FileModel:
    """The file of a model; a `BuiltModel`."""

    backend: FileBackend
    path: str
    num_bytes: int

    def measure(self, *, footprint: bool) -> Measurement:
        """See `BuiltModel`."""
        backend, fp32, model = self.backend, self.backend.reference, self.backend.reference
        try:
            if self.path != backend.name:
                model = load_detector(self.path, backend=backend.runtime)
            accuracy = backend.measures.score(model)
        except ModelError as error:
            raise TrialFailed(str(error)) from error
        fp32_ms, own_ms = backend.measures.clock(fp32, model)
        memory = measure_footprint(self.path, model.input_size_hw) if footprint else None
        return Measurement(
            accuracy=accuracy,
            latency_ms=fp32_ms if model is fp32 else own_ms,
            fp32_ms=fp32_ms,
            weights_mib=self.num_bytes / 2**20,
            footprint_mib=memory,
        )

    def keep(self) -> str:
        """See `BuiltModel`."""
        return self.backend.keep(self.path)
