"""What is odd about a picture that is used all the same, told to whoever counts it.

A picture can be decoded and still be wrong: libjpeg puts grey or shifted blocks where a JPEG is
damaged, and 16 bits of which 12 are used look black. Whoever reads many pictures counts such finds
inside `collected_notes`; outside of it each is a warning in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

_log = logging.getLogger(__name__)

DAMAGED = "damaged image"
DARK = "dark 16-bit image"


class Note(NamedTuple):
    """One find. reason: DAMAGED or DARK; message: what it is, with the file's name."""

    reason: str
    message: str


_collecting: ContextVar[list[Note] | None] = ContextVar("image_notes", default=None)


@contextmanager
def collected_notes() -> Iterator[list[Note]]:
    """A list that gets the notes of all pictures read inside, in this thread."""
    notes: list[Note] = []
    before = _collecting.set(notes)
    try:
        yield notes
    finally:
        _collecting.reset(before)


def tell(note: Note) -> None:
    """Hand a note to the collector, or to the log where there is none."""
    notes = _collecting.get()
    if notes is None:
        _log.warning("%s", note.message)
    else:
        notes.append(note)
