"""Read journals: files of JSON lines that a crash may have cut, and anyone may have changed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

from gluon_ssd.errors import DataError
from gluon_ssd.system.json_text import parse_json
from gluon_ssd.system.regular_file import read_regular

_log = logging.getLogger(__name__)

Event = dict[str, Any]

MOST = 1e30
"""No number of a journal is larger; what draws and compares them gets along with these."""


def read_events(
    path: str | os.PathLike[str], problem_of: Callable[[Event], str]
) -> tuple[list[Event], int]:
    """The events of a journal in order.

    What cannot be used is left out: in silence where it is a last line that a crash has cut off,
    else with one warning that counts the lines and names the first.

    Args:
        path: the file.
        problem_of: what is wrong with an event, a JSON object with a text as "event"; "" for
            nothing.

    Returns:
        The events, and the number of lines of the file.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    lines = read_regular(path).split(b"\n")
    is_cut, lines = bool(lines[-1]), lines if lines[-1] else lines[:-1]
    events, problems = [], []
    for number, line in enumerate(lines, 1):
        try:
            event = parse_json(line, f"line {number}", advice="")
        except DataError as error:
            if not (is_cut and number == len(lines)):
                problems.append(str(error).rstrip("; ").removesuffix(" at line 1"))
            continue
        problem = _shape_problem(event) or problem_of(event)
        if problem:
            problems.append(f"line {number}: {problem}")
        else:
            events.append(event)
    if problems:
        _log.warning(
            "%s: %d of %d lines cannot be used and are left out, the first is %s",
            os.fspath(path),
            len(problems),
            len(lines),
            problems[0],
        )
    return events, len(lines)


def _shape_problem(event: Any) -> str:
    if not isinstance(event, dict):
        return "it is no JSON object"
    return "" if isinstance(event.get("event"), str) else "it does not say what event it is"


def is_number(value: Any) -> bool:
    """Whether a value is a number, finite and at most `MOST` in size."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST


def is_number_or_none(value: Any) -> bool:
    """As `is_number`; None is what JSON has for NaN and infinity."""
    return value is None or is_number(value)


def is_count(value: Any) -> bool:
    """Whether a value is a whole number from 0 to 10^15."""
    return type(value) is int and 0 <= value <= 10**15


def is_text(value: Any) -> bool:
    """Whether a value is a text."""
    return isinstance(value, str)


def is_texts(value: Any) -> bool:
    """Whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)
