"""Running means of the losses, of the time and of what was waited for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gluon_ssd.training.loop import Step


@dataclass
class Meter:
    """Sums over some batches.

    The sums can be stored and taken up again, so that the means of an interrupted epoch are those
    of an unbroken one. The clock runs from the making of the meter.

    Attributes:
        batches, images: how many were counted.
        losses: the sum over batches of each part of the loss, by name.
        data_wait_s: seconds spent on asking for data.
        earlier_s: seconds counted before an interruption.
    """

    batches: int = 0
    images: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    data_wait_s: float = 0.0
    earlier_s: float = 0.0

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Start the clock now; the sums stay."""
        self._started_s = time.perf_counter()

    def add(self, step: Step) -> None:
        """Count one step."""
        self.batches += 1
        self.images += step.num_images
        for name, value in step.losses.items():
            self.losses[name] = self.losses.get(name, 0.0) + value
        self.data_wait_s += step.data_wait_s

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return self.earlier_s + time.perf_counter() - self._started_s

    def means(self) -> dict[str, float]:
        """The mean over batches of each part of the loss; empty before the first batch."""
        return {name: total / max(1, self.batches) for name, total in self.losses.items()}

    def speed(self) -> dict[str, float]:
        """Journal fields: images per second, share of time spent waiting for data, seconds."""
        seconds = max(self.seconds, 1e-9)
        return {
            "samples_per_s": round(self.images / seconds, 3),
            "data_wait": round(min(1.0, self.data_wait_s / seconds), 4),
            "seconds": round(seconds, 3),
        }

    def state(self) -> dict[str, Any]:
        """The sums as a JSON object, for `from_state`."""
        return {**asdict(self), "earlier_s": self.seconds}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Meter:
        """A meter that goes on from `state`, also from one of a version that knew two losses."""
        sums = dict(state)
        if "class_sum" in sums:
            sums["losses"] = {
                "CrossEntropy": sums.pop("class_sum"),
                "SmoothL1": sums.pop("box_sum"),
            }
        return cls(**{**sums, "losses": dict(sums["losses"])})
