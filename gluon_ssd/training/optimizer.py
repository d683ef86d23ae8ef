"""Updates all parameters of a network by one rule, with a state that can be saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.errors import WeightsError
from gluon_ssd.models.first_weights import parameters_of
from gluon_ssd.system.wording import some_of
from gluon_ssd.training.team.team import Team
from gluon_ssd.training.update_rules import rule_of


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
        momentum: of SGD; 0 keeps no state. Adam has none.
        wd: weight decay, on every parameter as in the published training.
        rule: key of `update_rules.RULES`.
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
        rule: str = "sgd",
        no_wd_on_bias_bn: bool = False,
        clip_gradient_norm: float | None = None,
        accumulates: bool = False,
        team: Team | None = None,
    ) -> None:
        # Without the constants and batch statistics: the trainer would copy the statistics of
        # the first device over those of the others when a run is resumed.
        named = named_parameters(network)
        self._parameters = {n: each for n, each in named.items() if each.grad_req != "null"}
        self._untrained = named.keys() - self._parameters.keys()
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
        self._rule = rule_of(rule)
        self._has_state = bool(momentum) or not self._rule.has_momentum
        updates = self._rule.make(momentum=momentum, wd=wd)
        if _is_on_cpu(self._parameters) and updates.aggregate_num:
            # On a CPU the operator that updates several arrays at once walks through all of them
            # together: with 4 at a time it took 1.5 times as long as with each on its own.
            updates.aggregate_num = 1
        self.trainer = self._team.make_trainer(self._parameters, updates)

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

    def state_arrays(self) -> dict[str, np.ndarray]:
        """The rule's state as "SLOT/NAME" by slot and structural name, such as "momentum/bias".

        It is the same on every device, so it is read from the first.
        """
        states = self.trainer._updaters[0].states
        return {
            f"{slot}/{name}": array.asnumpy()
            for index, name in enumerate(self._parameters)
            for slot, array in zip(self._rule.slots, _arrays(states.get(index)), strict=False)
        }

    def check(
        self, states: Mapping[str, np.ndarray], num_updates: int, *, may_lack: bool = False
    ) -> None:
        """Raise WeightsError unless `restore` could take these; nothing is changed.

        They are the state of every weight, or of none where there was no update yet or, with
        `may_lack`, the rule had no state then.
        """
        found = self._by_name(states)
        lacking = [name for name in self._parameters if name not in found]
        if found and (lacking or not num_updates):
            what = "belongs to no update"
            if lacking:
                what = f"of {some_of(lacking)} is missing, as where they were frozen"
            raise WeightsError(
                f"the saved state {what}; resume with the frozen stages of before, from another "
                "checkpoint, or start anew from the weights (.params)",
                settings=("freeze",),
            )
        if not found and num_updates and not may_lack and self._has_state:
            raise WeightsError(
                f"it has no {' and '.join(self._rule.slots)} of the weights after {num_updates} "
                "updates; resume from another checkpoint, or start anew from the weights (.params)"
            )

    def restore(self, states: Mapping[str, np.ndarray], num_updates: int) -> None:
        """Take up where `state_arrays` and `num_updates` were read.

        Raises:
            WeightsError: a name, shape or type that the network does not have, or the state of
                another rule.
        """
        self._put(self._by_name(states), num_updates)

    def _by_name(self, states: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
        """Name of a weight -> slot -> array. Raises WeightsError as `restore` does."""
        found: dict[str, dict[str, np.ndarray]] = {}
        for key, array in states.items():
            slot, _, name = key.partition("/")
            own = self._parameters.get(name)
            if name in self._untrained:
                raise WeightsError(
                    f"{name} was trained before and is frozen now; resume with the frozen stages "
                    "of before, or start anew from the weights (.params)",
                    settings=("freeze",),
                )
            if own is None or own.shape != array.shape or np.dtype(own.dtype) != array.dtype:
                raise WeightsError(
                    f"the saved {slot} of {name} {array.shape} {array.dtype} does not fit this "
                    "network; resume with the network that was saved"
                )
            found.setdefault(name, {})[slot] = array
        for name, slots in found.items():
            if set(slots) != set(self._rule.slots):
                raise WeightsError(
                    f"the saved state of {name} has {' and '.join(sorted(slots))}, and this rule "
                    f"of updates needs {' and '.join(self._rule.slots)}; resume with the optimizer "
                    "and momentum rule of before, or start anew from the weights (.params)",
                    settings=("optimizer", "momentum_rule"),
                )
        return found

    def _put(self, found: Mapping[str, Mapping[str, np.ndarray]], num_updates: int) -> None:
        indices = {name: index for index, name in enumerate(self._parameters)}
        optimizer = self.trainer.optimizer
        for context, updater in zip(self.trainer._contexts, self.trainer._updaters, strict=True):
            for name, slots in found.items():
                arrays = tuple(
                    mx.nd.array(slots[slot], ctx=context, dtype=slots[slot].dtype)
                    for slot in self._rule.slots
                )
                updater.states[indices[name]] = arrays if len(arrays) > 1 else arrays[0]
                updater.states_synced[indices[name]] = True
            counts = optimizer._all_index_update_counts.setdefault(context.device_id, {})
            counts.update({index: num_updates for index in indices.values()})
        optimizer.num_update = num_updates


def _is_on_cpu(parameters: Mapping[str, Any]) -> bool:
    return all(c.device_type == "cpu" for p in parameters.values() for c in p.list_ctx())


def _arrays(state: Any) -> tuple[Any, ...]:
    """What an updater holds for a parameter: nothing, one array or a tuple of them."""
    if state is None:
        return ()
    return state if isinstance(state, tuple) else (state,)
