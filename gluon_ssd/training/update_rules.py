"""How a step changes the weights: SGD as MXNet has it, SGD and Adam as PyTorch has them.

| rule | state of a weight w | a step of rate r, gradient g, momentum m, weight decay d |
|---|---|---|
| sgd | momentum v | v = m v - r (g + d w); w = w + v |
| sgd_torch | velocity u | u = m u - (g + d w); w = w + r u |
| adam | mean a, variance b | see `TorchAdam` |

The first two differ when the rate changes: MXNet keeps the rate of a gradient in the momentum, and
PyTorch applies the rate of now to all of it. Published schedules were found with one of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.errors import OptionError


@dataclass(frozen=True)
class UpdateRule:
    """What a trainer needs to know of a rule.

    Attributes:
        slots: names of the state arrays that each weight has.
        optimizer: a class of MXNet optimisers.
        has_momentum: whether it is told one; the state is empty when that is 0.
    """

    slots: tuple[str, ...]
    optimizer: Any
    has_momentum: bool = True

    def make(self, *, momentum: float, wd: float) -> Any:
        """An MXNet optimiser."""
        return self.optimizer(wd=wd, **({"momentum": momentum} if self.has_momentum else {}))


class TorchSGD(mx.optimizer.Optimizer):
    """SGD whose rate applies to the whole velocity, of MXNet's fused operators.

    The gradient array is used as scratch memory: it holds no gradient after the update.

    Source: torch.optim.SGD with dampening 0 and without Nesterov's rule.

    Args:
        momentum: share of the velocity that is kept; 0 keeps no state.
        settings: of `mx.optimizer.Optimizer`.
    """

    def __init__(self, momentum: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.momentum = momentum

    def create_state(self, index: int, weight: Any) -> Any:
        """The velocity, zeros; none without momentum."""
        return mx.nd.zeros_like(weight) if self.momentum else None

    def update(self, index: int, weight: Any, grad: Any, state: Any) -> None:
        """Change weight and velocity in place."""
        self._update_count(index)
        rate, decay = self._get_lr(index), self._get_wd(index)
        if state is None:
            mx.nd.sgd_update(
                weight, grad, out=weight, lr=rate, wd=decay, rescale_grad=self.rescale_grad
            )
            return
        # With a rate of 1 the operator makes u = m u - (g + d w), and w + u, which nobody wants.
        mx.nd.sgd_mom_update(
            weight,
            grad,
            state,
            out=grad,
            lr=1.0,
            momentum=self.momentum,
            wd=decay,
            rescale_grad=self.rescale_grad,
        )
        mx.nd.sgd_update(weight, state, out=weight, lr=rate, wd=0.0, rescale_grad=-1.0)


class TorchAdam(mx.optimizer.Optimizer):
    """Adam whose epsilon stands beside the root of the corrected variance.

    In step t: a = p a + (1 - p) g; b = q b + (1 - q) g²; and, corrected for their start at zero,
    A = a / (1 - p^t), B = b / (1 - q^t); then w = w - r A / (sqrt(B) + eps). MXNet's operator
    adds its epsilon to sqrt(b), which is eps times sqrt(1 - q^t) here. Weight decay is added to
    the gradient.

    Source: Adam, arXiv:1412.6980, algorithm 1, as torch.optim.Adam.

    Args:
        settings: of `mx.optimizer.Optimizer`.
    """

    epsilon = 1e-8
    # As float32 has them, since the operator subtracts them from 1 in float32: the corrections
    # have to undo just that.
    beta1, beta2 = float(np.float32(0.9)), float(np.float32(0.999))

    def create_state(self, index: int, weight: Any) -> tuple[Any, Any]:
        """Mean and variance, zeros."""
        return mx.nd.zeros_like(weight), mx.nd.zeros_like(weight)

    def update(self, index: int, weight: Any, grad: Any, state: tuple[Any, Any]) -> None:
        """Change weight, mean and variance in place."""
        self._update_count(index)
        step = self._index_update_count[index]
        mean_share, variance_share = 1 - self.beta1**step, 1 - self.beta2**step
        root = math.sqrt(variance_share)
        mx.nd.adam_update(
            weight,
            grad,
            *state,
            out=weight,
            lr=self._get_lr(index) * root / mean_share,
            beta1=self.beta1,
            beta2=self.beta2,
            epsilon=self.epsilon * root,
            wd=self._get_wd(index),
            rescale_grad=self.rescale_grad,
        )


RULES: Mapping[str, UpdateRule] = {
    "sgd": UpdateRule(("momentum",), mx.optimizer.SGD),
    "sgd_torch": UpdateRule(("velocity",), TorchSGD),
    "adam": UpdateRule(("mean", "variance"), TorchAdam, has_momentum=False),
}
"""Name -> rule. Checkpoints hold the states under the names of the slots."""


def rule_of(name: str) -> UpdateRule:
    """The rule of a name. Raises OptionError when there is none."""
    if name not in RULES:
        raise OptionError(
            f"unknown rule of weight updates {name!r}; choose one of {', '.join(RULES)}"
        )
    return RULES[name]
