"""The journal of a search: one JSON line per event, from which a stopped search goes on.

| event | further fields |
|---|---|
| search | facts: what the search is about; another one cannot go on from it |
| start | key: a trial began |
| trial | the fields of `Trial` |
| saved | key, sha1: the model of that trial was written; SHA-1 of its symbol file |
| end | reason, seconds |
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gluon_ssd.deploy.tuning.trial import Trial
from gluon_ssd.errors import EnvironmentProblem, OptionError
from gluon_ssd.system.event_log import (
    Event,
    is_count,
    is_number,
    is_number_or_none,
    is_text,
    is_texts,
    read_events,
)
from gluon_ssd.system.files import atomic_write, ensure_writable, write_problem
from gluon_ssd.system.wording import one_line, some_of

Checks = dict[str, Callable[[Any], bool]]

JOURNAL = "journal.jsonl"
_MOST_STARTS = 2
"""A trial that ended the process so often is not begun again; once may have had another cause."""


class History:
    """The trials of a search, on disk as soon as they are known.

    Args:
        workspace: folder of the journal; it is made.
        facts: what decides the result of a trial, and what the search may choose from.

    Raises:
        OptionError: the workspace holds the journal of another search.
        EnvironmentProblem: it cannot be written.
    """

    def __init__(self, workspace: str | os.PathLike[str], facts: Mapping[str, Any]) -> None:
        self.path = Path(workspace) / JOURNAL
        ensure_writable(self.path)
        self.trials: dict[str, Trial] = {}
        self.saved: tuple[str, str] | None = None
        self._starts: Counter[str] = Counter()
        known = json.loads(json.dumps(facts))
        events = self._read()
        if events:
            self._compare(events[0], known)
            for event in events[1:]:
                self._take(event)
        # The file is written anew, to drop a line that a crash cut off.
        with atomic_write(self.path, "w") as file:
            for event in events or [{"event": "search", "facts": known}]:
                file.write(json.dumps(event) + "\n")
        self.num_earlier = len(self.trials)

    def _read(self) -> list[Event]:
        if not self.path.exists():
            return []
        try:
            events, num_lines = read_events(self.path, _problem_of)
        except OSError as error:
            raise EnvironmentProblem(f"cannot read {self.path}: {error.strerror}") from error
        if num_lines and (not events or events[0]["event"] != "search"):
            raise OptionError(f"{self.path} is no journal of a search; name another workspace")
        return events

    def _compare(self, first: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        earlier = first["facts"]
        differing = sorted(
            name for name in {*earlier, *facts} if earlier.get(name) != facts.get(name)
        )
        if differing:
            names = some_of((one_line(name)[:60] for name in differing), most=10)
            raise OptionError(
                f"{self.path} is of another search (not the same: {names}); name another "
                "workspace, or remove that folder to start anew"
            )

    def _take(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "start":
            self._starts[event["key"]] += 1
        elif event["event"] == "trial":
            self.trials[event["key"]] = Trial.from_dict(event)
        elif event["event"] == "saved":
            self.saved = (event["key"], event["sha1"])
        elif event["event"] == "end":
            # The search was stopped in good order: the trial under way did not end the process.
            self._starts.clear()

    def in_order(self) -> tuple[Trial, ...]:
        """The trials by number."""
        return tuple(sorted(self.trials.values(), key=lambda trial: trial.number))

    @property
    def next_number(self) -> int:
        """Number of the next trial."""
        return max((trial.number for trial in self.trials.values()), default=-1) + 1

    def ends_process(self, key: str) -> bool:
        """Whether a trial began twice and ended the process both times."""
        return key not in self.trials and self._starts[key] >= _MOST_STARTS

    def start(self, key: str) -> None:
        """Note that a trial begins."""
        self._append({"event": "start", "key": key})

    def add(self, trial: Trial) -> None:
        """Note what a trial found."""
        self._append({"event": "trial", **asdict(trial)})

    def note_saved(self, key: str, sha1: str) -> None:
        """Note that the model of a trial was written."""
        self._append({"event": "saved", "key": key, "sha1": sha1})

    def end(self, reason: str, seconds: float) -> None:
        """Note that the search ended in good order."""
        self._append({"event": "end", "reason": reason, "seconds": round(seconds, 1)})

    def _append(self, event: Mapping[str, Any]) -> None:
        self._take(event)
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps({**event, "time": round(time.time(), 3)}) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise write_problem(self.path, error) from error


_TEXT: Checks = {"key": is_text}
_MEASURED: Checks = {
    "accuracy": is_number,
    **dict.fromkeys(("latency_ms", "fp32_ms"), lambda value: is_number(value) and value > 0),
    "weights_mib": is_number,
    "footprint_mib": is_number_or_none,
}
_OPTIONAL = ("footprint_mib",)  # journals of earlier versions lack it
_FIELDS: dict[str, Checks] = {
    "search": {"facts": lambda value: isinstance(value, dict)},
    "start": _TEXT,
    "trial": {
        **_TEXT,
        "number": is_count,
        "choice": is_text,
        "kept": is_texts,
        "measured": lambda value: value is None or not _wrong(value, _MEASURED),
        "seconds": is_number,
        "problem": is_text,
    },
    "saved": {**_TEXT, "sha1": is_text},
    "end": {},
}


def _wrong(found: Any, checks: Checks) -> str:
    """The first field that is missing or of another kind; "" for none."""
    if not isinstance(found, dict):
        return "measured"
    absent = (name for name in checks if name not in found and name not in _OPTIONAL)
    odd = (name for name, check in checks.items() if name in found and not check(found[name]))
    return next(absent, "") or next(odd, "")


def _problem_of(event: Event) -> str:
    wrong = _wrong(event, _FIELDS.get(event["event"], {}))
    return f'"{wrong}" is missing or has a value of another kind' if wrong else ""
