"""Moving averages of the weights, scored beside the weights themselves.

Source: "Mean teachers", arXiv:1703.01780, section 3; the growing decay is TensorFlow's rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gluon_ssd.training.optimizer import named_parameters


class Average:
    """A moving average of all weights and batch statistics of a network on one device.

    Args:
        network: initialised.
        decay: weight of the average in a step.
        grows: whether step n has at most a decay of (1 + n) / (10 + n), so that the first weights
            are soon forgotten.
    """

    def __init__(self, network: Any, decay: float, *, grows: bool) -> None:
        named = named_parameters(network)
        self._parameters = {name: p for name, p in named.items() if "anchors" not in name}
        self._decay, self._grows, self._steps = decay, grows, 0
        self._means: dict[str, Any] = {}

    def add(self) -> None:
        """Take up the weights after a step."""
        self._steps += 1
        decay = self._decay
        if self._grows:
            decay = min(decay, (1 + self._steps) / (10 + self._steps))
        for name, parameter in self._parameters.items():
            if name not in self._means:
                self._means[name] = parameter.data().copy()
            else:
                self._means[name] *= decay
                self._means[name] += parameter.data() * (1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network has the averages within."""
        kept = {name: self._parameters[name].data().copy() for name in self._means}
        self._put(self._means)
        try:
            yield
        finally:
            self._put(kept)

    def _put(self, arrays: dict[str, Any]) -> None:
        for name, array in arrays.items():
            self._parameters[name].data()[:] = array
