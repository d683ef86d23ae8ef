"""The settings of a search for the best int8 model, and what one trial of it found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

BASELINE = "fp32"
"""Key of the fp32 model, which is measured as trial 0."""


@dataclass(frozen=True)
class SearchSettings:
    """What to search for, and how."""

    strategy: str  # basic, mse, mse_v2, bayesian or exhaustive
    sampling_sizes: tuple[int, ...]  # numbers of calibration images to try
    algorithms: tuple[str, ...]  # of "minmax" and "kl", those to try
    per_channel: bool  # a scale of its own for every output channel of a convolution
    fp32_nodes: tuple[str, ...]  # operators of the fused network that stay in float32
    bf16: bool  # whether operators may run in bfloat16
    criterion: str  # "relative" or "absolute"
    tolerable_loss: float  # fraction of the fp32 accuracy, or of 1, that may be lost
    timeout_s: int  # seconds after which no trial goes on; 0 sets no limit
    max_trials: int  # trials at most, those of earlier runs included
    go_on: bool  # search on after the first trial that reached the goal
    objective: str  # "performance", "model_size" or "footprint" is improved among such trials
    seed: int  # of the strategy's random choices

    @property
    def batch_size(self) -> int:
        """Images a calibration batch: the largest number up to 16 that divides all sizes.

        It depends on the settings alone, so that the images seen never depend on the machine.
        """
        return max(n for n in range(1, 17) if all(size % n == 0 for size in self.sampling_sizes))

    def goal(self, baseline: float) -> float:
        """Least accuracy that will do, given that of the fp32 model."""
        if self.criterion == "relative":
            return baseline * (1 - self.tolerable_loss)
        return baseline - self.tolerable_loss

    def search_facts(self) -> dict[str, Any]:
        """What a search that is to go on must have in common; when to end it may change."""
        facts = asdict(self)
        for name in ("timeout_s", "max_trials", "go_on"):
            del facts[name]
        return facts


@dataclass(frozen=True)
class Choice:
    """A way to quantise, as a strategy proposed it."""

    calibration_images: int  # how many images the ranges come from
    nodes: Mapping[str, str]  # operator -> "minmax" or "kl" where it is int8, else "fp32", "bf16"

    @property
    def key(self) -> str:
        """Equal for choices that give the same model."""
        text = json.dumps([self.calibration_images, sorted(self.nodes.items())])
        return hashlib.sha1(text.encode()).hexdigest()

    def names(self, kind: str) -> tuple[str, ...]:
        """The operators of one kind."""
        return tuple(name for name, found in self.nodes.items() if found == kind)

    def __str__(self) -> str:
        counts = {kind: len(self.names(kind)) for kind in ("minmax", "kl", "bf16", "fp32")}
        parts = [f"{count} {kind}" for kind, count in counts.items() if count]
        return f"{self.calibration_images} images, operators: {', '.join(parts)}"


@dataclass(frozen=True)
class Measurement:
    """What was measured of one model."""

    accuracy: float  # score of the data set, a fraction
    latency_ms: float  # median time of one image
    fp32_ms: float  # median time of the fp32 model, run in turns with it
    weights_mib: float  # weights as its operators hold them
    footprint_mib: float | None = None  # memory of a process that runs it; None: not asked for

    @property
    def speedup(self) -> float:
        """How many times as fast as the fp32 model beside it."""
        return self.fp32_ms / self.latency_ms

    def cost(self, objective: str) -> float:
        """The objective as a number that is better when smaller.

        The time is relative to fp32's in the same turns, which a busy machine changes less.
        """
        if objective == "performance":
            return self.latency_ms / self.fp32_ms
        if objective == "model_size":
            return self.weights_mib
        return float("nan") if self.footprint_mib is None else self.footprint_mib


@dataclass(frozen=True)
class Trial:
    """One line of the search's history."""

    number: int  # 0 for the fp32 model, then counted from 1
    key: str  # of its `Choice`, or BASELINE
    choice: str  # in words
    kept: tuple[str, ...]  # operators in float32 or bfloat16
    measured: Measurement | None  # None when it could not be run, and then `problem` says why
    seconds: float  # what the trial took
    problem: str = ""  # empty when it went well

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Trial:
        """The inverse of `asdict`. Raises KeyError or TypeError when something is missing."""
        values = {field.name: found[field.name] for field in fields(cls)}
        values["kept"] = tuple(values["kept"])
        if values["measured"] is not None:
            known = {field.name for field in fields(Measurement)}
            measured = values["measured"]
            values["measured"] = Measurement(**{key: measured[key] for key in known & {*measured}})
        return cls(**values)


def best_trial(trials: Sequence[Trial], settings: SearchSettings) -> Trial | None:
    """The trial to keep: best objective among those that reached the goal, else best accuracy.

    The baseline is never chosen itself. None while there is no other trial, or no baseline.
    """
    baseline = next((t.measured for t in trials if t.key == BASELINE), None)
    found = [(t, t.measured) for t in trials if t.key != BASELINE and t.measured is not None]
    if baseline is None or not found:
        return None
    goal = settings.goal(baseline.accuracy)
    passed = [(t, m) for t, m in found if m.accuracy >= goal]
    if passed:
        return min(passed, key=lambda pair: (pair[1].cost(settings.objective), pair[0].number))[0]
    return min(found, key=lambda pair: (-pair[1].accuracy, pair[0].number))[0]
