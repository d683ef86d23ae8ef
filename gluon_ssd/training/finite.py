"""Watch the weights for NaN and infinity without holding up the devices."""

from __future__ import annotations

from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.training.optimizer import named_parameters


class WeightWatch:
    """Looks at every parameter and batch statistic on its own device.

    Args:
        network: an initialised block; its arrays are written in place from now on.
    """

    def __init__(self, network: Any) -> None:
        copies = [parameter.list_data() for parameter in named_parameters(network).values()]
        self._arrays = list(zip(*copies, strict=True))  # one tuple of arrays per device
        self._verdicts: list[Any] = []

    def start(self) -> None:
        """Start looking at the weights as the operations queued so far will leave them."""
        self._verdicts = [
            mx.nd.multi_all_finite(*arrays, num_arrays=len(arrays)) for arrays in self._arrays
        ]

    def is_finite(self) -> bool:
        """Wait for the last look that was started; true when all was finite, or none was."""
        return all(verdict.asscalar() == 1 for verdict in self._verdicts)
