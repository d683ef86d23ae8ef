"""Options of training for small data sets; each is off unless it is given."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import option
from gluon_ssd.options.idle import Idle
from gluon_ssd.options.modes import EVALUATION, INFERENCE_BENCHMARK, TRAINING
from gluon_ssd.options.shared import means_no_weights
from gluon_ssd.system.wording import quoted

BALANCED = "balanced"
_MOST_WEIGHT = 1000.0


@dataclass(frozen=True)
class SmallSetOptions:
    """small data sets"""

    patience: int = option(
        0,
        "end the run after so many validations in a row without a better mAP; 0 runs all epochs",
        minimum=0,
    )
    freeze: int = option(
        0,
        "keep the first stages of the backbone, and their batch norms, as their weights have them; "
        "a stage is all layers of one resolution, the finest first",
        minimum=0,
    )
    oversample: float = option(
        0.0,
        "show images more often whose classes less than this share of the training images have, by "
        "the root of the quotient, as LVIS does; 0 shows each once an epoch",
        minimum=0,
        maximum=1,
    )
    class_weights: str = option(
        "",
        "weights of classes in the loss: balanced, by the inverse root of their numbers of boxes, "
        "or such as wheel=2,door=0.5; other classes and the background have 1",
    )

    average_weights: float = option(
        0.0,
        "validate and save moving averages of the weights with this decay, below 1, such as 0.998; "
        "0 takes the weights themselves",
        minimum=0,
        maximum=1,
    )

    def __post_init__(self) -> None:
        if self.average_weights == 1:
            raise OptionError("--average-weights must be below 1; got 1, which learns nothing")
        if self.class_weights and self.class_weights != BALANCED:
            named_weights(self.class_weights)


def named_weights(text: str) -> dict[str, float]:
    """'wheel=2,door=0.5' to weights by class. Raises OptionError for anything else.

    A name may hold "=" but no comma.
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = part.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not (equals and name.strip() and 0 < value <= _MOST_WEIGHT):
            raise OptionError(
                f"--class-weights must be {BALANCED} or NAME=WEIGHT with commas between, above 0 "
                f"and at most {_MOST_WEIGHT:g}; got {quoted(part)}"
            )
        if name.strip() in weights:
            raise OptionError(f"--class-weights names {quoted(name.strip())} twice")
        weights[name.strip()] = value
    return weights


def check_small_sets(command: Any) -> None:
    """Raise OptionError where options for small sets contradict others."""
    train, mode = command.train, command.modes.mode
    is_random = means_no_weights(train.pretrained_base) and not train.resume
    if command.small.freeze and is_random and mode == TRAINING:
        raise OptionError(
            f"--freeze {command.small.freeze} would keep random weights with --pretrained-base "
            f"{train.pretrained_base}; start from ImageNet weights or --resume FILE, or leave it "
            "out"
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
    Idle(("patience",), lambda command: command.modes.mode != TRAINING, "outside training"),
    Idle(
        ("freeze", "class_weights", "oversample", "average_weights"),
        lambda command: command.modes.mode in (EVALUATION, INFERENCE_BENCHMARK),
        "where no weights are learnt",
    ),
    Idle(
        ("patience",),
        lambda command: not command.data.validates,
        "without validation (--val-splits none)",
    ),
    Idle(
        ("patience",),
        # The first validation sets the mark, and the last one ends the run in any case.
        lambda command: command.small.patience > num_validations(command) - 2,
        "on a run of so few validations, of which more than --patience must follow the first",
    ),
)
"""What has no effect; see `options.idle`."""
