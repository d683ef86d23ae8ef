"""Watch the weights for NaN and infinity without holding up the devices."""

from __future__ import annotations

from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.training.optimizer import named_parameters

# multi_all_finite keeps its inputs in a table of 200 and writes past its end without a check.
_MAX_ARRAYS = 200


class WeightWatch:
    """Looks at every parameter and batch statistic on its own device.

    Args:
        network: an initialised block; its arrays are written in place from now on.
    """

    def __init__(self, network: Any) -> None:
        copies = [parameter.list_data() for parameter in named_parameters(network).values()]
        self._groups = [
            arrays[first : first + _MAX_ARRAYS]
            for arrays in zip(*copies, strict=True)  # one tuple of arrays per device
            for first in range(0, len(arrays), _MAX_ARRAYS)
        ]
        self._verdicts: list[Any] = []

    def start(self) -> None:
        """Start looking at the weights as the operations queued so far will leave them."""
        self._verdicts = [
            mx.nd.multi_all_finite(*arrays, num_arrays=len(arrays)) for arrays in self._groups
        ]

    def is_finite(self) -> bool:
        """Wait for the last look that was started; true when all was finite, or none was."""
        return all(verdict.asscalar() == 1 for verdict in self._verdicts)
