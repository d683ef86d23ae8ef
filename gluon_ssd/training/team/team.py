"""The processes that train one network together: one interface for one process and for many."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import numpy as np

from gluon_ssd.compat import mx


class Team(Protocol):
    """What one process does together with all others; every one of them must call the same.

    The processes are numbered; number 0 leads: it alone writes files and log lines.
    """

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""

    @property
    def size(self) -> int:
        """Number of processes."""

    def total(self, values: np.ndarray) -> np.ndarray:
        """float64 (N,) of this process -> float64 (N,), the sums over all; waits for all."""

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """(n, ...) of this process, n may be 0 -> the rows of all, in the order of the ranks."""

    def copy_from_leader(self, arrays: Mapping[str, Any]) -> None:
        """Overwrite MXNet arrays with those of process 0; all processes use the same names."""

    def average(self, arrays: Mapping[str, Any]) -> None:
        """Overwrite MXNet arrays with their mean; all processes use the same names."""

    def make_trainer(self, parameters: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
        """A Gluon trainer with SGD that sums the gradients of all processes."""

    def guard(self) -> AbstractContextManager[None]:
        """Within this block the end of another process is a TeamLost error of one line."""


class Alone:
    """One process, which may have many devices."""

    rank = 0
    size = 1

    def total(self, values: np.ndarray) -> np.ndarray:
        """The values themselves."""
        return np.asarray(values, np.float64)

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """The rows themselves."""
        return rows

    def copy_from_leader(self, arrays: Mapping[str, Any]) -> None:
        """Leave the arrays as they are: this is the leader."""

    def average(self, arrays: Mapping[str, Any]) -> None:
        """Leave the arrays as they are: they are their own mean."""

    def make_trainer(self, parameters: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
        """Gluon's own trainer over the devices of this process.

        It updates outside of the kvstore: only then can the momentum be read, and AMP needs it.
        """
        return mx.gluon.Trainer(
            list(parameters.values()),
            "sgd",
            dict(settings),
            kvstore="device",
            update_on_kvstore=False,
        )

    def guard(self) -> AbstractContextManager[None]:
        """An empty context: there is no other process."""
        return nullcontext()


def facts_of_leader(team: Team, facts: Mapping[str, Any] | None) -> dict[str, Any]:
    """JSON values of process 0, on every process; the others give None."""
    text = b"" if facts is None else json.dumps(dict(facts)).encode()
    shared: dict[str, Any] = json.loads(team.gather(np.frombuffer(text, np.uint8)).tobytes())
    return shared
