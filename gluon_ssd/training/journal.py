"""One JSON line per event of a run: what the curves and tables are made from.

Every line has "event", "time" (seconds since 1970) and "at": [epoch, batch], the position in the
run that is reached when the line is written. A line written at the end of epoch e has [e + 1, 0].

| event | further fields |
|---|---|
| start, resume | options, and for resume the file |
| interval | step, lr, remaining_s, losses, the mean of each loss since the last one, ... |
| epoch | epoch, step, lr, remaining_s, losses, the mean of each loss over the epoch, ... |
| validation | epoch, score, values {name: text}, class_scores, val_losses, seconds |
| checkpoint | file, seconds |
| diverged | message, images |
| end | reason ("epochs", "target" for the mAP asked for, "patience"), best_score |

The parts of the loss have the keys that the loss gives them, CrossEntropy and SmoothL1 for the
multibox loss; "losses" lists them in order (journals of earlier versions have those two and no
list). A loss must not use a key of FIELDS. An interval and an epoch further have samples_per_s,
data_wait and seconds, and with AMP loss_scale and skipped. remaining_s is the time to the end of
the run at its pace since it was started or resumed. class_scores are the AP of each class by name,
null for a class without ground truth, and val_losses the parts of the loss over the validation set.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.event_log import (
    Event,
    is_count,
    is_number,
    is_number_or_none,
    is_texts,
    read_events,
)
from gluon_ssd.system.files import atomic_write, ensure_directory, without_nan, write_problem
from gluon_ssd.system.wording import one_line

Position = tuple[int, int]  # (epoch, next batch)

FIELDS = frozenset(
    "event time at epoch step lr remaining_s losses samples_per_s data_wait seconds loss_scale "
    "skipped".split()
)
"""Keys of an interval and an epoch that no part of the loss may have."""


_MOST_LOSSES = 100
"""Each has a line and a name in the curves; no loss of a detector has more than ten parts."""
_USUAL_LOSSES = ("CrossEntropy", "SmoothL1")  # of events that do not list theirs

_CHECKS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("epoch", "step"), is_count),
    **dict.fromkeys(("time", "lr", "seconds"), is_number),
    **dict.fromkeys(
        ("remaining_s", "samples_per_s", "data_wait", "loss_scale", "skipped", "score")
        + ("best_score",),
        is_number_or_none,
    ),
    "losses": lambda value: is_texts(value) and len(value) <= _MOST_LOSSES,
    **dict.fromkeys(("options", "values"), lambda value: isinstance(value, dict)),
    **dict.fromkeys(
        ("class_scores", "val_losses"),
        lambda value: isinstance(value, dict) and all(map(is_number_or_none, value.values())),
    ),
}


def _problem_of(event: Event) -> str:
    """What is wrong with an event; "" for nothing."""
    at = event.get("at")
    if not (isinstance(at, list) and len(at) == 2 and all(map(is_count, at))):
        return '"at" must be two whole numbers, epoch and batch'
    wrong = [name for name, check in _CHECKS.items() if name in event and not check(event[name])]
    if not wrong and event["event"] in ("interval", "epoch"):
        names = event.get("losses", _USUAL_LOSSES)
        wrong = [name for name in names if not is_number_or_none(event.get(name))]
    return f'"{one_line(wrong[0])}" has a value of another kind' if wrong else ""


def read_journal(path: str | os.PathLike[str]) -> list[Event]:
    """Events of a journal in order; a line that was cut off by a crash is left out.

    So is, with a warning that counts them, every line in which a field of the table above has
    another type or a number that is not finite, or that is too long. A missing file gives an empty
    list.

    Raises:
        EnvironmentProblem: it cannot be read.
    """
    try:
        return read_events(path, _problem_of)[0]
    except FileNotFoundError as error:
        if not os.path.islink(path):
            return []
        raise _unreadable(path, "it is a link that leads nowhere") from error
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error


def _unreadable(path: str | os.PathLike[str], reason: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"cannot read {os.fspath(path)}: {reason}; move it away to go on without what it tells of "
        "the run"
    )


def last_run(events: Sequence[Event]) -> list[Event]:
    """The events since the last start, which is one run however often it was resumed."""
    starts = [index for index, event in enumerate(events) if event["event"] == "start"]
    return list(events[starts[-1] :] if starts else events)


def up_to(events: Sequence[Event], position: Position) -> list[Event]:
    """Drop from the last run what lies beyond a position; a resumed run writes it anew."""
    kept_runs = len(events) - len(last_run(events))
    return list(events[:kept_runs]) + [
        event
        for event in events[kept_runs:]
        if event["event"] in ("start", "resume") or tuple(event["at"]) <= position
    ]


class Journal(AbstractContextManager["Journal"]):
    """Appends events to a file and flushes each, so that a killed run keeps its history.

    Args:
        path: made with its folder where missing.
        resume_at: position a resumed run starts from; later lines of the last run are dropped.
            None for a new run, which leaves what is there.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], *, resume_at: Position | None = None) -> None:
        self.path = Path(path)
        ensure_directory(self.path.parent)
        events = read_journal(self.path)
        if resume_at is not None:
            events = up_to(events, resume_at)
        if events:
            # Written anew rather than cut, so that a torn last line goes and none is ever lost.
            with atomic_write(self.path, "w") as file:
                file.writelines(json.dumps(event) + "\n" for event in events)
        try:
            self._file: IO[str] = open(self.path, "a" if events else "w", encoding="utf-8")
        except OSError as error:
            raise write_problem(self.path, error) from error

    def write(self, event: str, at: Position, **fields: Any) -> None:
        """Append one line. Raises EnvironmentProblem when the disk is full."""
        line = {"event": event, "time": round(time.time(), 3), "at": list(at), **fields}
        try:
            self._file.write(json.dumps(without_nan(line)) + "\n")
            self._file.flush()
        except OSError as error:
            raise write_problem(self.path, error) from error

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        try:
            self._file.close()
        except OSError as error:
            raise write_problem(self.path, error) from error

    def __exit__(self, *_: object) -> None:
        self.close()
