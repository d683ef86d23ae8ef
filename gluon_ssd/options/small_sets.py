"""Options of training for small data sets; each is off unless it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gluon_ssd.options.declare import option
from gluon_ssd.options.idle import Idle


@dataclass(frozen=True)
class SmallSetOptions:
    """small data sets"""

    patience: int = option(
        0,
        "end the run after so many validations in a row without a better mAP; 0 runs all epochs",
        minimum=0,
    )


def num_validations(command: Any) -> int:
    """Validations of a whole run of TrainCommand; see `training.plan.Plan.validates`."""
    epochs, train = command.optimizer.epochs, command.train
    last = {epochs - 1}
    if train.validated_epochs:
        return len({epoch for epoch in train.validated_epochs if epoch < epochs} | last)
    found = {*range(0, epochs, command.val_interval), *last}
    return len(found | set(range(0, epochs, train.save_interval)) if train.save_interval else found)


SMALL_SETS_IDLE = (
    Idle(
        ("patience",),
        lambda command: not command.data.validates,
        "without validation (--val-splits none)",
    ),
    Idle(
        ("patience",),
        # The first validation sets the mark, and the last one ends the run in any case.
        lambda command: command.small.patience > num_validations(command) - 2,
        "on a run of so few validations: it ends before, or with the last one",
    ),
)
"""What has no effect; see `options.idle`."""
