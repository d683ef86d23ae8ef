"""The record of a backend, for a command that opens one; no framework is imported here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.deploy.tuning.backend import Backend, OperatorNames


@dataclass(frozen=True)
class Measures:
    """How models are measured."""

    score: Callable[[RuntimeModel], float]  # accuracy, a fraction
    # (fp32 model, model) -> median time of one image of each in ms, run in turns
    clock: Callable[[RuntimeModel, RuntimeModel], tuple[float, float]]


@dataclass(frozen=True)
class SearchBackend:
    """What a command needs of a backend before and when it opens one for an fp32 detector.

    Attributes:
        log: name of the file, in the workspace, for what its library says.
        require: raises EnvironmentProblem when a package is missing.
        files: prefix -> the files of a model.
        operator_names: fp32 detector -> the operators that a configuration may name.
        bytes_per_image: fp32 detector -> memory that one image takes.
        open: arguments and errors as of `mxnet_backend`.
    """

    log: str
    require: Callable[[], None]
    files: Callable[[str], Sequence[Path]]
    operator_names: Callable[[Any], OperatorNames]
    bytes_per_image: Callable[[Any], int]
    open: Callable[..., AbstractContextManager[Backend]]
