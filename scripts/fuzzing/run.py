"""Run fuzzers: cases of every kind in worker processes, with progress, finds and their inputs."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.fuzzing.case import FAULTS, Case, Ended, Summary
from scripts.fuzzing.catalog import find_kind
from scripts.fuzzing.pool import Pool, Task, prepared
from scripts.fuzzing.report import described

_CHUNK = 250  # cases a process is given at a time
_TOLD_EVERY_S = 5.0
_SHOWN_FINDS = 20  # of a kind


@dataclass
class Progress:
    """Counts what ended, shows finds as they come, and now and then how far the run is."""

    total: int
    summaries: Mapping[str, Summary]
    finds: list[Ended] = field(default_factory=list)
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)

    def add(self, ended: Ended) -> None:
        """Count a case."""
        self.done += 1
        self.summaries[ended.kind].add(ended)
        if ended.outcome in FAULTS:
            self.finds.append(ended)
            if self.summaries[ended.kind].faults <= _SHOWN_FINDS:
                print(described(ended), file=sys.stderr, flush=True)
        now = time.monotonic()
        if now - self.told > _TOLD_EVERY_S or self.done == self.total:
            self.told = now
            left_s = (now - self.started) / self.done * (self.total - self.done)
            print(
                f"{self.done} of {self.total} cases, {len(self.finds)} finds, "
                f"{ended.kind}, {left_s / 60:.1f} min left",
                file=sys.stderr,
                flush=True,
            )


def run(
    kinds: Sequence[str], first: int, cases: int, *, seed: int, jobs: int, keep: Path | None = None
) -> tuple[list[Summary], list[Ended]]:
    """Run cases `first` to `first + cases` of each kind.

    Args:
        kinds: keys of `KINDS`.
        seed: of the cases: the same seed and number make the same case.
        jobs: processes at a time.
        keep: folder for the inputs of the cases that ended as none may; of all, for a single case.

    Returns:
        The counts by kind, and the cases that ended as none may.
    """
    progress = Progress(cases * len(kinds), {kind: Summary(kind) for kind in kinds})
    tasks = [
        Task(kind, begin, min(begin + _CHUNK, first + cases))
        for kind in kinds
        for begin in range(first, first + cases, _CHUNK)
    ]
    with prepared(kinds) as seeds:
        Pool(seed, seeds, jobs).run(tasks, progress.add)
        if keep is not None:
            kept = [(ended.kind, ended.number) for ended in progress.finds]
            for kind, number in [(kinds[0], first)] if cases == 1 else kept:
                _keep(keep / f"{kind}-{number}", seeds / kind, kind, seed, number)
    return list(progress.summaries.values()), progress.finds


def _keep(folder: Path, seeds: Path, name: str, seed: int, number: int) -> None:
    """Write all files of a case, those that are as in the sound input too."""
    kind = find_kind(name)
    kind.load(seeds)
    case: Case = kind.case(seed, number)
    for path, content in {**kind.seeds[case.seed], **case.files}.items():
        if content is not None:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
