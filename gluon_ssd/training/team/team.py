"""The processes that train one network together: one process, or many."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from gluon_ssd.compat import mx


class Team:
    """What one process does together with all others; every one of them must call the same.

    The processes are numbered; number 0 leads: it alone writes files and log lines. This class is
    a team of one process, which may have many devices.
    """

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        return 0

    @property
    def size(self) -> int:
        """Number of processes."""
        return 1

    def total(self, values: np.ndarray) -> np.ndarray:
        """float64 (N,) of this process -> float64 (N,), the sums over all; waits for all."""
        return np.asarray(values, np.float64)

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """(n, ...) of this process, n may be 0 -> the rows of all, in the order of the ranks.

        All processes have the same number of columns and the same dtype.
        """
        return rows

    def copy_from_leader(self, arrays: Mapping[str, Any]) -> None:
        """Overwrite MXNet arrays with those of process 0; all processes use the same names."""

    def average(self, arrays: Mapping[str, Any]) -> None:
        """Overwrite MXNet arrays with their mean; all processes use the same names."""

    def make_trainer(self, parameters: Mapping[str, Any], optimizer: Any) -> Any:
        """A Gluon trainer with an MXNet optimiser that sums the gradients of all processes."""
        # It updates outside of the kvstore: only then can the state be read, and AMP needs it.
        return mx.gluon.Trainer(
            list(parameters.values()),
            optimizer,
            kvstore="device",
            update_on_kvstore=False,
        )

    def guard(self) -> AbstractContextManager[None]:
        """Within this block the end of another process is a TeamLost error of one line."""
        return nullcontext()
