"""The record of a backend, for a command that opens one; no framework is imported here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    """What a command needs of a backend, before and when it opens one for an fp32 detector."""

    log: str  # name of the file, in the workspace, for what its library says
    reads: tuple[str, ...]  # endings of the files it quantises; none of an exported MXNet pair
    require: Callable[[], None]  # raises EnvironmentProblem when a package is missing
    prepare: Callable[[str, tuple[int, int] | None], Any]  # file, size of images -> detector
    sources: Callable[[Any], Mapping[str, Path]]  # detector -> the files it came from, by name
    files: Callable[[str], Sequence[Path]]  # prefix of a result -> its files, the main one first
    operator_names: Callable[[Any], OperatorNames]  # detector -> what a configuration may name
    bytes_per_image: Callable[[Any], int]  # detector -> memory that one image takes
    open: Callable[..., AbstractContextManager[Backend]]  # as `mxnet_backend`
    has_bfloat16: bool = True  # whether operators may run in bfloat16
    strategies: tuple[str, ...] = ()  # names it knows; none where it knows all
    algorithms: tuple[str, ...] = ()  # ways to find ranges that it knows; none as above
