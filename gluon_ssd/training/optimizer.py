"""SGD with momentum over all parameters of a network, with a state that can be saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.errors import WeightsError
from gluon_ssd.models.first_weights import parameters_of
from gluon_ssd.training.team.team import Team


def named_parameters(network: Any) -> dict[str, Any]:
    """Parameters of a block by structural name, each once, in the order of the names.

    Structural names ("features.0.weight") do not change with the number of networks that were
    built before, as the prefixed names do.
    """
    backwards = sorted(parameters_of(network).items(), reverse=True)
    first_names = {parameter: name for name, parameter in backwards}
    return dict(sorted((name, parameter) for parameter, name in first_names.items()))


class Optimizer:
    """Sums the gradients of all devices and updates every copy of the weights.

    Args:
        network: an initialised Gluon block.
        momentum: of SGD; 0 keeps no state.
        wd: weight decay, on every parameter as in the published training.
        no_wd_on_bias_bn: exempt biases and batch-norm gamma and beta from weight decay.
        clip_gradient_norm: scale the gradient down to this global norm; None leaves it alone.
        accumulates: gradients of several batches are added up until `clear`.
        team: the processes whose gradients are added up.
    """

    def __init__(
        self,
        network: Any,
        *,
        momentum: float,
        wd: float,
        no_wd_on_bias_bn: bool = False,
        clip_gradient_norm: float | None = None,
        accumulates: bool = False,
        team: Team | None = None,
    ) -> None:
        # Without the constants and batch statistics: the trainer would copy the statistics of
        # the first device over those of the others when a run is resumed.
        self._parameters = {
            name: parameter
            for name, parameter in named_parameters(network).items()
            if parameter.grad_req != "null"
        }
        if no_wd_on_bias_bn:
            for name, parameter in self._parameters.items():
                if name.endswith(("bias", "gamma", "beta")):
                    parameter.wd_mult = 0.0
        self._accumulates = accumulates
        if accumulates:
            for parameter in self._parameters.values():
                parameter.grad_req = "add"
        self._clip_gradient_norm = clip_gradient_norm
        self._team = team or Team()
        self.trainer = self._team.make_trainer(self._parameters, {"momentum": momentum, "wd": wd})

    def clear(self) -> None:
        """Forget the gradients at hand, where new ones would be added to them."""
        if self._accumulates:
            for parameter in self._parameters.values():
                parameter.zero_grad()

    def step(self, rate: float, divisor: float = 1.0) -> None:
        """Update the weights from the sum of the gradients at hand, over all processes.

        Args:
            rate: learning rate.
            divisor: what the sum is divided by first.
        """
        self.trainer.set_learning_rate(rate)
        # A trainer divides by the number of processes, as if each had a mean of its own.
        batch_size = divisor / self._team.size
        if self._clip_gradient_norm is None:
            self.trainer.step(batch_size)
            return
        self.trainer.allreduce_grads()
        limit = self._clip_gradient_norm * batch_size / self.trainer._scale
        for gradients in zip(*(p.list_grad() for p in self._parameters.values()), strict=True):
            mx.gluon.utils.clip_global_norm(list(gradients), limit, check_isfinite=False)
        self.trainer.update(batch_size)

    @property
    def num_updates(self) -> int:
        """Updates done since the weights were new, over all runs."""
        return int(self.trainer.optimizer.num_update)

    def momentum_arrays(self) -> dict[str, np.ndarray]:
        """Momentum by structural name; the same on every device, so read from the first."""
        states = self.trainer._updaters[0].states
        return {
            name: states[index].asnumpy()
            for index, name in enumerate(self._parameters)
            if states.get(index) is not None
        }

    def restore(self, momentum: Mapping[str, np.ndarray], num_updates: int) -> None:
        """Take up where `momentum_arrays` and `num_updates` were read.

        Raises:
            WeightsError: a name or shape that the network does not have.
        """
        indices = {name: index for index, name in enumerate(self._parameters)}
        for name, array in momentum.items():
            if name not in indices or self._parameters[name].shape != array.shape:
                raise WeightsError(
                    f"the saved momentum of {name} {array.shape} does not fit this network; "
                    "resume with the network that was saved"
                )
        optimizer = self.trainer.optimizer
        for context, updater in zip(self.trainer._contexts, self.trainer._updaters, strict=True):
            for name, array in momentum.items():
                updater.states[indices[name]] = mx.nd.array(array, ctx=context, dtype=array.dtype)
                updater.states_synced[indices[name]] = True
            counts = optimizer._all_index_update_counts.setdefault(context.device_id, {})
            counts.update({index: num_updates for index in indices.values()})
        optimizer.num_update = num_updates
