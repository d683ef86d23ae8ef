"""Training steps for a benchmark: the real loop, whose every step is waited for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.training.loop import ImageNames, Learner, Step, train_one_epoch


def take_timed_steps(
    learner: Learner,
    batches: Iterator[Any],
    *,
    steps: int,
    rate: Callable[[int], float],
    lap: Callable[[int], None],
    image_names: ImageNames,
) -> None:
    """Load, learn and update; nothing is written.

    Args:
        learner: network, devices, loss, optimiser and team.
        batches: enough of them, of this process.
        steps: how many; fewer where the batches end.
        rate: learning rate of a step.
        lap: called with the images of a step, over all processes, when the device is done with it.
        image_names: file names of data-set indices, for messages.

    Raises:
        DivergedError, TeamLost: see `train_one_epoch`.
    """

    def on_step(step: Step) -> None:
        mx.nd.waitall()
        lap(step.num_images)

    train_one_epoch(
        learner,
        itertools.islice(batches, steps * learner.accumulate),
        epoch=0,
        rate=rate,
        on_step=on_step,
        image_names=image_names,
    )
