"""A training that is killed and resumed again and again until it has come to its end."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from scripts.reliability import children
from scripts.reliability.moments import Moment, halves, left_in, temporaries, wait_for
from scripts.reliability.pace import Pace, begun_at
from scripts.reliability.same_bits import differences, read_events
from scripts.reliability.training_commands import Run

GONE_S = 60.0
"""Longest time that what a killed process has started may outlive it."""
PATTERNS = ("*_checkpoint.*", "*_best.*", "*_best_map.*", "*_journal.*", "*_curves.*", "*_0???_*")
VICTIMS = ("launcher", "rank 0", "rank 1", "all")


@dataclass
class Chain:
    """What came of one training: its kills, and all that was wrong."""

    number: int
    kills: list[dict[str, Any]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    outlived: int = 0
    resumed: int = 0
    begun_anew: int = 0

    def record(self) -> dict[str, Any]:
        """It as JSON."""
        return asdict(self)


def draw(what: str, rng: random.Random, pace: Pace) -> Moment:
    """When to kill next, for a series "training", "writing" or "ranks"."""
    if what == "writing":
        if rng.random() < 0.5:
            return Moment(0, step=rng.randint(1, 20))
        after_s = rng.uniform(0.8 * pace.startup_s, pace.startup_s + pace.epoch_s)
        return Moment(after_s, pattern=rng.choice(PATTERNS), later_s=rng.uniform(0, 0.03))
    return Moment(rng.uniform(0, pace.startup_s + 6 * pace.epoch_s))


def phase(events: list[dict[str, Any]], since_s: float, half_written: list[str]) -> str:
    """What a life that began at `since_s` was doing when it was killed, by what it has left."""
    if half_written:
        return "writing"
    own = [event for event in events if event["time"] >= since_s]
    if not own:
        return "import"
    last = [event["event"] for event in own if event["event"] != "checkpoint"][-1:]
    if last == ["epoch"]:
        return "validation"
    return "ended" if last == ["end"] else "training"


def choose_victims(family: list[psutil.Process], victim: str) -> tuple[str, list[psutil.Process]]:
    """The processes to kill of a run of several ranks; the launcher before the ranks are there."""
    ranks: dict[str, psutil.Process] = {}
    for process in family:
        try:
            if any(word.endswith("train_ssd.py") for word in process.cmdline()[:3]):
                ranks[process.environ().get("HOROVOD_RANK", "")] = process
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    if victim == "all":
        return victim, family
    chosen = ranks.get(victim.removeprefix("rank "))
    return (victim, [chosen]) if chosen is not None else ("launcher", family[:1])


class TrainingChain:
    """One chain of a series.

    Args:
        what: the series.
        run: folder, data and so on; what is in its folder is removed first.
        reference: folder of the unbroken run.
        pace: of the runs of the series; changed by what is seen.
        rng: draws the moments.
    """

    def __init__(
        self, what: str, run: Run, *, reference: Path, pace: Pace, rng: random.Random
    ) -> None:
        self.what, self.run, self.reference, self.pace, self.rng = what, run, reference, pace, rng
        self.reached: list[int] | None = None  # position of the last checkpoint that was written

    def go(self, chain: Chain, wanted: int, tell: Callable[[int], None]) -> Chain:
        """Kill `wanted` times at most, and then let the run end; `tell` gets how many it was."""
        shutil.rmtree(self.run.folder, ignore_errors=True)
        self.run.folder.mkdir(parents=True)
        while not chain.lost:
            counted = sum(kill["counts"] for kill in chain.kills)
            # What never comes while writing must not go on for ever.
            is_last = counted >= wanted or len(chain.kills) >= 4 * wanted
            if self._live(chain, None if is_last else draw(self.what, self.rng, self.pace)):
                break
            tell(int(chain.kills[-1]["counts"]))
        if not chain.lost:
            chain.different = differences(self.run.folder, self.reference)
            chain.different += [f"left in TMPDIR: {name}" for name in left_in(self._temporary)]
        if not chain.lost and not chain.different:
            shutil.rmtree(self.run.folder)
        return chain

    @property
    def _temporary(self) -> Path:
        return self.run.folder.with_name(f"{self.run.folder.name}-tmp")

    def _live(self, chain: Chain, moment: Moment | None) -> bool:
        """One life of the run; whether it came to its end."""
        folder, had_checkpoint = self.run.folder, self.run.checkpoint.exists()
        before = temporaries(folder)
        environment = self.run.environment(self._temporary)
        environment |= moment.environment(folder) if moment else {}
        since_s, clock_s = time.time(), time.monotonic()
        process = children.start(self.run.command(), self.run.output, environment)
        victim, relatives = "", []
        longest_s = self.pace.startup_s + 7 * self.pace.epoch_s
        if moment and wait_for(moment, process, folder, longest_s):
            relatives = children.family(process)
            victim, victims = self._victims(relatives)
            children.kill(victims)
        lived_s = time.monotonic() - clock_s
        chain.outlived += children.finish(process, relatives, GONE_S)
        self._check_position(chain, since_s, had_checkpoint)
        if begun := begun_at(self.run.journal):
            if begun > since_s:
                self.pace.saw_startup(begun - since_s)
        killed_itself = bool(moment and moment.step and process.returncode == -9)
        if not (victim or killed_itself):
            if process.returncode != 0:
                words = children.last_words(self.run.output)
                chain.lost.append(f"ended by itself with code {process.returncode}: {words}")
            return process.returncode == 0
        half = halves(folder, before)
        chain.kills.append(
            {
                "after_s": round(lived_s, 3),
                "victim": victim or "itself",
                "phase": phase(read_events(self.run.journal), since_s, half),
                "half_written": half,
                "step": moment.step if moment else 0,
                "code": process.returncode,
                "counts": bool(half) or self.what != "writing",
            }
        )
        # A launcher that was not the victim may have brought the run to its end.
        return process.returncode == 0

    def _victims(self, relatives: list[psutil.Process]) -> tuple[str, list[psutil.Process]]:
        if self.run.ranks > 1:
            return choose_victims(relatives, self.rng.choice(VICTIMS))
        return "process", relatives[:1]

    def _check_position(self, chain: Chain, since_s: float, had_checkpoint: bool) -> None:
        """Nothing that a checkpoint held may be lost: compare where this life began."""
        events = read_events(self.run.journal)
        begun = [e for e in events if e["event"] in ("start", "resume") and e["time"] >= since_s]
        if begun and begun[-1]["event"] == "start":
            chain.begun_anew += bool(chain.kills)
            if had_checkpoint:
                chain.lost.append("began anew although there was a checkpoint")
        elif begun:
            chain.resumed += 1
            if self.reached is not None and begun[-1]["at"] < self.reached:
                chain.lost.append(f"resumed at {begun[-1]['at']} and had reached {self.reached}")
        written = [event["at"] for event in events if event["event"] == "checkpoint"]
        self.reached = written[-1] if written else self.reached
