"""Watch the weights for NaN and infinity without holding up the devices."""

from __future__ import annotations

from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.training.optimizer import named_parameters


class WeightWatch:
    """Looks at every parameter and batch statistic on its own device.

    It sums squares, so a value beyond 1e19 counts as infinite as well. MXNet's own
    `multi_all_finite` takes three times as long and crashes above 200 arrays.

    Args:
        network: an initialised block; its arrays are written in place from now on.
    """

    def __init__(self, network: Any) -> None:
        copies = [parameter.list_data() for parameter in named_parameters(network).values()]
        self._devices = list(zip(*copies, strict=True))  # one tuple of arrays per device
        self._sums: list[Any] = []

    def start(self) -> None:
        """Start looking at the weights as the operations queued so far will leave them."""
        self._sums = [
            mx.nd.multi_sum_sq(*arrays, num_arrays=len(arrays)) for arrays in self._devices
        ]

    def is_finite(self) -> bool:
        """Wait for the last look that was started; true when all was finite, or none was."""
        return all(np.isfinite(sums.asnumpy()).all() for sums in self._sums)
