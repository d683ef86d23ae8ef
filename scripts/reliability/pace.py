"""How long a run takes to start and to train, as seen so far; the moments are drawn within that."""

from __future__ import annotations

import threading
from pathlib import Path

from scripts.reliability.same_bits import read_events


class Pace:
    """Seconds of the start and of an epoch; a new observation counts for a third.

    Args:
        startup_s: from the start of the process to the first step.
        epoch_s: of one epoch with its validation.
    """

    def __init__(self, startup_s: float, epoch_s: float) -> None:
        self.startup_s, self.epoch_s = startup_s, epoch_s
        self._lock = threading.Lock()

    def saw_startup(self, seconds: float) -> None:
        """Take up how long another start took; other programs may use the machine too."""
        with self._lock:
            self.startup_s += (seconds - self.startup_s) / 3


def begun_at(journal: Path) -> float | None:
    """When the last start or resumption of a run was written down, in seconds since 1970."""
    events = [e for e in read_events(journal) if e["event"] in ("start", "resume")]
    return float(events[-1]["time"]) if events else None


def pace_of(journal: Path, started_s: float) -> Pace:
    """The pace of an unbroken run that was started at `started_s`, in seconds since 1970."""
    events = read_events(journal)
    epochs = sum(event["event"] == "epoch" for event in events)
    first, last = float(events[0]["time"]), float(events[-1]["time"])
    return Pace(first - started_s, (last - first) / max(epochs, 1))
