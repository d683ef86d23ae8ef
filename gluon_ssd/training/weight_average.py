"""The moving average of a network's weights, which is often better than the weights themselves.

With the weights w of step n, counted from 1, and a decay d below 1:

    d_n = min(d, (1 + n) / (10 + n)),  average = d_n average + (1 - d_n) w

The average begins as the weights that training begins with, which the small decays of the first
steps let go of. That growing decay is TensorFlow's.

Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992; as an
exponential average with batch statistics: "Mean teachers are better role models",
arXiv:1703.01780, section 3.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.errors import WeightsError
from gluon_ssd.system.wording import some_of
from gluon_ssd.training.batch_statistics import trained_beside
from gluon_ssd.training.optimizer import named_parameters

GROUP = "average"
"""Of the keys of a checkpoint: "average/NAME"."""


class WeightAverage:
    """Averages of all weights that are trained and of their batch statistics, on the first device.

    Constants, such as anchors, and frozen layers stay as they are and have no average.

    Args:
        network: an initialised block, with frozen layers marked; its arrays are written in place
            from now on.
        decay: d of the formula, above 0 and below 1.
    """

    def __init__(self, network: Any, decay: float) -> None:
        assert 0 < decay < 1, f"a decay of {decay}"
        self._beside = trained_beside(network)
        self._copies = {
            name: parameter.list_data()
            for name, parameter in named_parameters(network).items()
            if parameter.grad_req != "null" or name in self._beside
        }
        self._means = {name: copies[0].copy() for name, copies in self._copies.items()}
        self._alone = [name for name in self._means if name not in self._beside]
        self._joined: dict[str, list[str]] = {}
        for name, trained in self._beside.items():
            self._joined.setdefault(trained, []).append(name)
        self.decay, self.steps = decay, 0

    @property
    def means(self) -> dict[str, Any]:
        """The averages as MXNet arrays by structural name, float32."""
        return dict(self._means)

    @property
    def mean_statistics(self) -> dict[str, Any]:
        """Those of the batch statistics, which are other ones in each process of a team."""
        return {name: self._means[name] for name in self._beside}

    def restart(self) -> None:
        """Begin with the weights as they are now, before a first step."""
        self.steps = 0
        for name, mean in self._means.items():
            self._copies[name][0].copyto(mean)

    def update(self) -> None:
        """Take up the weights after a step."""
        self.steps += 1
        share = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        # A step of SGD towards the weight: mean - share * (mean - weight), in one pass over the
        # memory and without an array of its own.
        for name in self._alone:
            mean, weight = self._means[name], self._copies[name][0]
            mx.nd.sgd_update(mean, weight, lr=share, wd=1, rescale_grad=-1, out=mean)
        for trained, names in self._joined.items():
            # The trained parameter, which stays as it is, puts this behind the backward pass that
            # writes the statistics, and before the next forward pass.
            order = self._copies[trained][0]
            pairs = [(self._means[name], self._copies[name][0]) for name in names]
            mx.nd.multi_sgd_update(
                *itertools.chain(*pairs, (order, order)),
                num_weights=len(pairs) + 1,
                lrs=(*[share] * len(pairs), 0),
                wds=(*[1] * len(pairs), 0),
                rescale_grad=-1,
                out=[*(mean for mean, _ in pairs), order],
            )

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the network has the averages, on all devices.

        Behind it, also after an error, it has its weights again, to the last bit.
        """
        kept = {name: [c.copy() for c in copies] for name, copies in self._copies.items()}
        try:
            for name, copies in self._copies.items():
                for copy in copies:
                    self._means[name].copyto(copy)
            yield
        finally:
            for name, copies in self._copies.items():
                for own, copy in zip(kept[name], copies, strict=True):
                    own.copyto(copy)

    def arrays(self) -> dict[str, np.ndarray]:
        """The averages by the keys of a checkpoint."""
        return {f"{GROUP}/{name}": mean.asnumpy() for name, mean in self._means.items()}

    def facts(self) -> dict[str, Any]:
        """What a checkpoint says of them, as JSON."""
        return {"decay": self.decay, "steps": self.steps}

    def check(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Raise WeightsError unless `restore` could take these; nothing is changed."""
        if other := sorted(arrays.keys() ^ self._means.keys()):
            raise WeightsError(
                f"the saved averages of weights and those of this run differ in {some_of(other)}, "
                "as where other layers were frozen; resume with the frozen stages of before, or "
                "start anew from the weights (.params)",
                settings=("freeze",),
            )
        for name, array in arrays.items():
            own = self._means[name]
            if own.shape != array.shape or np.dtype(own.dtype) != array.dtype:
                raise WeightsError(
                    f"the saved average of {name} {array.shape} {array.dtype} does not fit this "
                    "network; resume with the network that was saved"
                )

    def restore(self, arrays: Mapping[str, np.ndarray], steps: int) -> None:
        """Take up where averages, by name, and their number of steps were read; see `check`."""
        self.check(arrays)
        self.steps = steps
        for name, array in arrays.items():
            self._means[name][:] = array
