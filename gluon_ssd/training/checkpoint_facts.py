"""Check what a checkpoint says in words and numbers, before anything of a run is changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST = 2**53
"""Above all counts that occur; floats still hold every integer up to here."""
_MOST_BATCHES = 10**7
"""Of one epoch: Open Images has 1.7 million pictures, which may come one by one."""
_UPDATES_OF_STEP = 1000
"""A run whose batches grow when it is resumed counts fewer steps than it did updates."""
_STATE_WORDS = 624  # of a Mersenne Twister, the generator of Python and of NumPy
_SUMS, _SECONDS = ("batches", "images"), ("data_wait_s", "earlier_s")  # of the meter
_TWO_LOSSES = ("class_sum", "box_sum")  # as the meter of the first versions had them
_LOW_PRECISIONS = ("float16", "bfloat16")


class WrongFacts(Exception):
    """A fact is missing or out of its range; the text says which, and what it is."""


# An mAP is at most 1, but for rounding; with a larger one no epoch would be the best ever again.
_BEST = 1.000001


def check_facts(facts: Any, numpy_state: NDArray[Any] | None) -> None:
    """Raise WrongFacts unless a run could go on from such facts.

    Args:
        facts: the parsed JSON of a checkpoint of the known format; see `Checkpoint`.
        numpy_state: the state vector of NumPy's generator, which stands beside them.
    """
    _expect(isinstance(facts, Mapping), "its facts", facts)
    for name, is_right in _CHECKS.items():
        if name not in facts:
            raise WrongFacts(f"it lacks {name}")
        _expect(is_right(facts[name]), name, facts[name])
    amp = facts.get("amp")
    _expect(amp is None or _is_amp(amp), "amp", amp)
    waited = facts.get("best_waited", 0)
    _expect(is_count(waited), "best_waited", waited)
    updates, steps = facts["num_updates"], facts["step"]
    # Steps are the batches of the epochs before, and those of this one.
    earlier, epoch = steps - facts["batch"], facts["epoch"]
    is_right = 0 <= earlier <= _MOST_BATCHES * epoch
    _expect(is_right, "step", f"{steps} at epoch {epoch}, batch {facts['batch']}")
    _expect(updates <= _UPDATES_OF_STEP * (steps + 1), "num_updates", f"{updates} at step {steps}")
    average = facts.get("average")
    _expect(average is None or _is_average(average, steps), "average", average)
    best_epoch = facts["best_epoch"]
    _expect(best_epoch is None or best_epoch <= facts["epoch"], "best_epoch", best_epoch)
    if numpy_state is None:
        raise WrongFacts("it lacks random/numpy")
    kind, shape = numpy_state.dtype, numpy_state.shape
    _expect(kind == np.uint32 and shape == (_STATE_WORDS,), "random/numpy", f"{kind} {shape}")


def _expect(is_right: bool, name: str, value: Any) -> None:
    if not is_right:
        shown = ascii(value)
        raise WrongFacts(f"{name} is {shown if len(shown) <= 60 else shown[:57] + '...'}")


def is_count(value: Any, most: int = _MOST) -> bool:
    """Whether a value of JSON is an integer from 0 to `most`; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def is_finite(value: Any) -> bool:
    """Whether a value of JSON is a finite number; true and false are none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= np.finfo(np.float64).max and math.isfinite(value)


def _or_none(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or is_right(value)


def _is_meter(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    is_old = _TWO_LOSSES[0] in value
    losses = {name: value.get(name) for name in _TWO_LOSSES} if is_old else value.get("losses")
    keys = {*_SUMS, *_SECONDS, *(_TWO_LOSSES if is_old else ("losses",))}
    return (
        set(value) == keys
        and isinstance(losses, Mapping)
        and all(is_finite(total) for total in losses.values())
        and all(is_count(value[name]) for name in _SUMS)
        and all(is_finite(value[name]) and value[name] >= 0 for name in _SECONDS)
    )


def _is_amp(value: Any) -> bool:
    scales, counts = ("loss_scale", "next_loss_scale"), ("unskipped", "skipped")
    return (
        isinstance(value, Mapping)
        and set(value) == {"dtype", *scales, *counts}
        and value["dtype"] in _LOW_PRECISIONS
        and all(is_finite(value[name]) and value[name] > 0 for name in scales)
        and all(is_count(value[name]) for name in counts)
    )


def _is_average(value: Any, steps: int) -> bool:
    """What `WeightAverage.facts` gives, after so many steps of the run."""
    return (
        isinstance(value, Mapping)
        and set(value) == {"decay", "steps"}
        and is_finite(value["decay"])
        and 0 < value["decay"] < 1
        and is_count(value["steps"], _UPDATES_OF_STEP * (steps + 1))
    )


def _is_python_state(value: Any) -> bool:
    """What `random.getstate` gives, as lists: version, words and position, spare Gaussian."""
    if not (isinstance(value, list) and len(value) == 3 and isinstance(value[1], list)):
        return False
    version, state, gauss = value
    return (
        is_count(version)
        and version == 3
        and len(state) == _STATE_WORDS + 1
        and all(is_count(word, 2**32 - 1) for word in state)
        and state[-1] <= _STATE_WORDS
        and (gauss is None or is_finite(gauss))
    )


def _is_numpy_state(value: Any) -> bool:
    """What `numpy.random.get_state` gives, but for its words."""
    return (
        isinstance(value, list)
        and len(value) == 4
        and value[0] == "MT19937"
        and is_count(value[1], _STATE_WORDS)
        and is_count(value[2], 1)
        and is_finite(value[3])
    )


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "epoch": is_count,
    "batch": is_count,
    "step": is_count,
    "num_updates": is_count,
    "best_score": _or_none(lambda value: is_finite(value) and -1 <= value <= _BEST),
    "best_epoch": _or_none(is_count),
    "best_shown": _or_none(lambda value: is_finite(value) and -1 <= value <= 100 * _BEST),
    "meter": _is_meter,
    "options": lambda value: isinstance(value, Mapping),
    "network": lambda value: isinstance(value, Mapping),
    "random_python": _is_python_state,
    "random_numpy": _is_numpy_state,
}
"""Every fact that each version has written, and what is asked of it."""
