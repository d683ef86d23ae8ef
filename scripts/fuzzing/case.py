"""What the fuzzers are made of: a case, a kind of input, and how a case can end."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ANY = "any"
"""Nothing is known of the answer beyond the rules of the kind."""
SAME = "same"
"""The change has no meaning: the answer must be that of the sound input."""
REFUSED = "refused"
"""The input is surely broken: any answer would be a wrong one."""

FAULTS = ("traceback", "signal", "memory", "time", "wrong")
"""Ends of a case that must not be."""
OUTCOMES = ("right", "refused", *FAULTS)


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        seed: name of the sound input that it was made from.
        files: what is other than there: path below the folder to content; None takes a file away.
        expects: ANY, SAME or REFUSED.
        story: what was done, in a few words.
    """

    seed: str
    files: Mapping[str, bytes | None]
    expects: str = ANY
    story: str = ""


@dataclass(frozen=True)
class Ended:
    """How a case ended.

    Attributes:
        kind, number: which case it was.
        outcome: one of OUTCOMES.
        seconds: it took.
        mib: memory above that of the process before, MiB.
        story: of the case.
        detail: the last lines of a traceback, the message, or what differs.
    """

    kind: str
    number: int
    outcome: str
    seconds: float = 0.0
    mib: float = 0.0
    story: str = ""
    detail: str = ""


class Kind(ABC):
    """A kind of input that the product reads, with its sound examples and ways to break them.

    Attributes:
        name: as the command line has it.
        seeds: sound input -> its files; filled by `load`.
        in_suite: cases that the tests run; fewer where one takes more than some milliseconds.
    """

    name: str = ""
    in_suite: int = 2000

    def __init__(self) -> None:
        self.seeds: dict[str, dict[str, bytes]] = {}
        self._named: Sequence[Case] | None = None

    def prepare(self, folder: Path) -> None:
        """Make the sound inputs, each a folder below `folder`; called once, in one process."""
        for name, files in self.sound().items():
            for path, content in files.items():
                target = folder / name / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """The sound inputs, for kinds that write no files of their own in `prepare`."""
        return {}

    def load(self, folder: Path) -> None:
        """Read what `prepare` made; further work of a kind that every worker needs."""
        for place in sorted(folder.iterdir()):
            files = (path for path in sorted(place.rglob("*")) if path.is_file())
            self.seeds[place.name] = {
                path.relative_to(place).as_posix(): path.read_bytes() for path in files
            }

    def named(self) -> Sequence[Case]:
        """Inputs that were once read wrongly, by hand; the first cases."""
        return ()

    @abstractmethod
    def mutate(self, draw: random.Random) -> Case:
        """A case made by chance."""

    @abstractmethod
    def read(self, folder: Path, seed: str) -> Any:
        """Have the product read the input in `folder`; the answer, of `plain` values."""

    def complain(self, answer: Any) -> str:
        """What no answer may be like; empty when it is well."""
        return ""

    def case(self, seed: int, number: int) -> Case:
        """The case of a number; always the same."""
        if self._named is None:
            self._named = self.named()
        if number < len(self._named):
            return self._named[number]
        return self.mutate(random.Random(f"{seed}/{self.name}/{number}"))


@dataclass
class Summary:
    """Counts of one kind."""

    kind: str
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    longest_s: float = 0.0
    most_mib: float = 0.0

    def add(self, ended: Ended) -> None:
        """Count one case."""
        self.counts[ended.outcome] += 1
        self.longest_s = max(self.longest_s, ended.seconds)
        self.most_mib = max(self.most_mib, ended.mib)

    @property
    def cases(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    @property
    def faults(self) -> int:
        """Cases that ended as none may."""
        return sum(self.counts[name] for name in FAULTS)
