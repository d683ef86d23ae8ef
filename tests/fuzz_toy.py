"""A kind of input for the tests of the fuzzers: its files say how reading them ends."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gluon_ssd.errors import DataError
from scripts.fuzzing.case import REFUSED, SAME, Case, Kind

NAME = f"{__name__}:ToyKind"


def _fail(message: str) -> None:
    raise DataError(message)


_ENDS: Mapping[str, Callable[[], Any]] = {
    "right": lambda: 1,
    "refused": lambda: _fail("no"),
    "several lines": lambda: _fail("no\nno"),
    "error": lambda: {}["missing"],
    "exit": lambda: exit(3),
    "signal": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "memory": lambda: len(bytearray(1100 << 20)),
    "much memory": lambda: len(bytearray(5000 << 20)),
    "hang": lambda: time.sleep(60),
    "other": lambda: 2,
    "odd": lambda: -1,
}

EXPECTED = (
    ("right", SAME, "right"),
    ("right", REFUSED, "wrong"),
    ("refused", REFUSED, "refused"),
    ("refused", SAME, "wrong"),
    ("other", SAME, "wrong"),
    ("other", "any", "right"),
    ("odd", "any", "wrong"),
    ("several lines", "any", "refused"),  # an SsdError shows them as one
    ("error", "any", "traceback"),
    ("exit", "any", "traceback"),
    ("signal", "any", "signal"),
    ("memory", "any", "memory"),
    ("much memory", "any", "memory"),
    ("hang", "any", "time"),
    ("right", "any", "right"),
)
"""Word in the file, what is expected of it, and how the case ends."""


class ToyKind(Kind):
    """Its cases are `EXPECTED`."""

    name = NAME

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """A file that is right."""
        return {"set": {"file": b"right"}}

    def named(self) -> Sequence[Case]:
        """One for each end."""
        return [Case("set", {"file": word.encode()}, why, word) for word, why, _ in EXPECTED]

    def mutate(self, draw: random.Random) -> Case:
        """One of those that end well."""
        return Case("set", {"file": draw.choice((b"right", b"refused"))})

    def read(self, folder: Path, seed: str) -> Any:
        """Do what the file says."""
        (folder / "left").write_text("behind")
        return _ENDS[(folder / "file").read_text()]()

    def complain(self, answer: Any) -> str:
        """Answers are not negative."""
        return "negative" if answer < 0 else ""
