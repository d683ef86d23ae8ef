"""Running means of the losses, of the time and of what was waited for."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from gluon_ssd.training.loop import Step


@dataclass
class Meter:
    """Sums over some batches.

    The sums can be stored and taken up again, so that the means of an interrupted epoch are those
    of an unbroken one. The clock runs from the making of the meter.

    Attributes:
        batches, images: how many were counted.
        class_sum, box_sum: sums of the two losses over batches.
        data_wait_s: seconds spent on asking for data.
        earlier_s: seconds counted before an interruption.
    """

    batches: int = 0
    images: int = 0
    class_sum: float = 0.0
    box_sum: float = 0.0
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
        self.class_sum += step.cross_entropy
        self.box_sum += step.smooth_l1
        self.data_wait_s += step.data_wait_s

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return self.earlier_s + time.perf_counter() - self._started_s

    @property
    def cross_entropy(self) -> float:
        """Mean class loss; NaN without batches, as the legacy metric has it."""
        return self.class_sum / self.batches if self.batches else float("nan")

    @property
    def smooth_l1(self) -> float:
        """Mean box loss; NaN without batches."""
        return self.box_sum / self.batches if self.batches else float("nan")

    def summary(self) -> dict[str, float]:
        """Journal fields: the two means, the speed and the share of time spent waiting for data."""
        seconds = max(self.seconds, 1e-9)
        return {
            "CrossEntropy": self.cross_entropy,
            "SmoothL1": self.smooth_l1,
            "samples_per_s": round(self.images / seconds, 3),
            "data_wait": round(min(1.0, self.data_wait_s / seconds), 4),
            "seconds": round(seconds, 3),
        }

    def state(self) -> dict[str, float]:
        """The sums as a JSON object, for `Meter(**state)`."""
        return {**asdict(self), "earlier_s": self.seconds}
