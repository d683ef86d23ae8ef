"""The samples of a soak and what is said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scripts.reliability import verdict
from scripts.reliability.samples import Usage
from scripts.reliability.verdict import Verdict

SHORTEST_LIFE = 0.4
"""Of the longest life of a training; a shorter one says nothing about what it uses."""


@dataclass(frozen=True)
class Sample:
    """Everything at one time.

    Attributes:
        time_s: since the soak began.
        detecting, training: None while the process is not there.
        detections: pictures so far.
        temporary_files, temporary_mb: below TMPDIR of both.
        shared_names, shared_mb: of both, in /dev/shm.
    """

    time_s: float
    detecting: Usage | None
    training: Usage | None
    detections: int
    temporary_files: int
    temporary_mb: float
    shared_names: int
    shared_mb: float

    def record(self) -> dict[str, Any]:
        """It as JSON."""
        return asdict(self)


def verdicts(samples: Sequence[Sample]) -> list[Verdict]:
    """Of every curve; each life of the training is judged by itself, for it starts anew."""
    found: list[Verdict] = []
    for name, life in _lives(samples):
        found += _of_process(name, life)
    times = [sample.time_s for sample in samples]
    for name in ("temporary_files", "temporary_mb", "shared_names", "shared_mb"):
        values = [getattr(sample, name) for sample in samples]
        found.append(verdict.count(name.replace("_", " "), times, values))
    return found


def opened(samples: Sequence[Sample]) -> list[str]:
    """What each process had open in the last sample of a long life and not amid it, a line each.

    It tells where descriptors that grow come from.
    """
    lines = []
    for name, life in _lives(samples):
        if not life:
            continue
        middle, last = life[len(life) // 3][1], life[-1][1]
        if more := Counter(last.open) - Counter(middle.open):
            lines.append(f"{name}: opened later: {', '.join(sorted(more.elements()))}")
    return lines


def _lives(samples: Sequence[Sample]) -> list[tuple[str, list[tuple[float, Usage]]]]:
    """Of the detections, and of each life of the training that is long enough to be judged."""
    found = [("detecting", [(s.time_s, s.detecting) for s in samples if s.detecting])]
    lives: dict[int, list[tuple[float, Usage]]] = {}
    for sample in samples:
        if sample.training:
            life = lives.setdefault(sample.training.pid, [])
            life.append((sample.time_s, sample.training))
    longest = max((len(life) for life in lives.values()), default=0)
    for number, life in enumerate(lives.values(), 1):
        if len(life) >= SHORTEST_LIFE * longest:
            found.append((f"training, life {number}", life))
    return found


def _of_process(name: str, samples: Sequence[tuple[float, Usage]]) -> list[Verdict]:
    times = [time_s for time_s, _ in samples]
    memories = [
        verdict.memory(f"{name}: {what}", times, [getattr(usage, key) for _, usage in samples])
        for key, what in (("memory_mb", "memory, MB"), ("family_mb", "with children, MB"))
    ]
    counts = [
        verdict.count(f"{name}: {key}", times, [getattr(usage, key) for _, usage in samples])
        for key in ("threads", "descriptors", "children")
    ]
    return [*memories, *counts]
