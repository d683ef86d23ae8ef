"""Read journals: files of JSON lines that a crash may have cut, and anyone may have changed."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterator
from typing import IO, Any

from gluon_ssd.errors import DataError
from gluon_ssd.system.json_text import parse_json
from gluon_ssd.system.regular_file import open_regular

_log = logging.getLogger(__name__)

Event = dict[str, Any]

MOST = 1e30
"""No number of a journal is larger; what draws and compares them gets along with these."""

MOST_LINE = 1 << 20
"""Bytes; the AP of 10,000 classes take half of it."""

MOST_BYTES = 1 << 30
"""Of a file: some 2 million lines of a training."""


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
    events: list[Event] = []
    number, num_wrong, first = 0, 0, ""
    for number, line in enumerate(_lines(path), 1):
        found = _event_of(line, number, problem_of)
        if isinstance(found, str):
            num_wrong, first = num_wrong + 1, first or found
        elif found is not None:
            events.append(found)
    if num_wrong:
        _log.warning(
            "%s: %d of %d lines cannot be used and are left out, the first is %s",
            os.fspath(path),
            num_wrong,
            number,
            first,
        )
    return events, number


def _lines(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """The lines of a file with their ends; of one that is too long no more than its begin.

    Raises OSError, also for a file that is too large.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MOST_BYTES:
            text = f"it has {size} bytes, allowed are {MOST_BYTES}"
            raise OSError(errno.EFBIG, text, os.fspath(path))
        while line := file.readline(MOST_LINE + 1):
            if len(line) > MOST_LINE:
                _skip_line(file, line)
            yield line


def _skip_line(file: IO[bytes], begin: bytes) -> None:
    while begin and not begin.endswith(b"\n"):
        begin = file.readline(MOST_LINE)


def _event_of(line: bytes, number: int, problem_of: Callable[[Event], str]) -> Event | str | None:
    """The event of a line; or what is wrong with it, as text; None for one that was cut off."""
    if len(line) > MOST_LINE:
        return f"line {number}: it has more than {MOST_LINE} bytes"
    try:
        event = parse_json(line, f"line {number}", advice="")
    except DataError as error:
        is_whole = line.endswith(b"\n")
        return str(error).rstrip("; ").removesuffix(" at line 1") if is_whole else None
    if not isinstance(event, dict):
        return f"line {number}: it is no JSON object"
    if not isinstance(event.get("event"), str):
        return f"line {number}: it does not say what event it is"
    problem = problem_of(event)
    return f"line {number}: {problem}" if problem else event


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
