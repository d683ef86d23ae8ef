"""What a search asks of the software that quantises and runs a detector.

The search imports no framework. `mxnet_backend.py` implements `Backend` with MXNet; another
framework needs one more class with its methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gluon_ssd.deploy.tuning.trial import Choice, Measurement, Trial
from gluon_ssd.errors import ModelError

TryOut = Callable[[Choice | None], Trial]
"""Measures the model of a choice, or looks it up in the history; None means the fp32 model."""
Check = Callable[[], None]
"""To be called often; raises to end the search."""


class TrialFailed(ModelError):
    """A model cannot be made or run. The search notes the message and goes on."""


@dataclass(frozen=True)
class OperatorNames:
    """The operators of an fp32 network, by the names that a user may use."""

    of_layers: Mapping[str, str]  # name of a layer -> name of the operator that computes it
    of_types: Mapping[str, tuple[str, ...]]  # type of an operator -> operators that hold one


class BuiltModel(Protocol):
    """A detector in float32 or quantised, ready to be measured."""

    def measure(self, *, footprint: bool) -> Measurement:
        """Accuracy, time and size; `footprint` asks for memory too. Raises TrialFailed."""

    def keep(self) -> str:
        """Make its files the result of the search. Returns the fingerprint of the result."""


class Backend(Protocol):
    """Quantises one detector, in the ways that a strategy proposes."""

    @property
    def name(self) -> str:
        """The fp32 model, for messages."""

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators that can be quantised."""

    def propose(self, try_out: TryOut, check: Check) -> None:
        """Try out the fp32 model, then one choice after another, until the strategy ends.

        Args:
            try_out: what it returns may decide what comes next.
            check: called while a model is built.

        Raises:
            What both of them raise. ModelError: the strategy cannot go on.
        """

    def build(self, choice: Choice | None) -> BuiltModel:
        """Calibrate and quantise; the model built before cannot be used any more.

        Args:
            choice: one that `propose` came up with; None is the fp32 model.

        Raises:
            TrialFailed: it cannot be done.
        """

    def kept(self) -> str | None:
        """Fingerprint of the result as it is on disk; None while a file is missing."""
