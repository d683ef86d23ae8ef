"""How messages list things, and show what files of unknown origin hold."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable

from gluon_ssd.errors import one_line as one_line  # where errors need it too


def some_of(entries: Iterable[str], *, most: int = 3, separator: str = ", ") -> str:
    """The first entries, at most `most` of them, and how many more there are."""
    listed = list(entries)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return separator.join(listed[:most]) + more


def quoted(text: str, most: int = 60) -> str:
    """A text of a file as a message shows it: in quotes, on one line, and not at full length."""
    if len(text) <= most:
        return repr(text)
    return f"{text[:most]!r}... ({len(text)} characters)"


def shown(value: object, most: int = 60) -> str:
    """A value from outside in a message: one line, a text in quotes, long ones cut."""
    if isinstance(value, str):
        return quoted(value, most)
    text = one_line(_SHORT.repr(value))
    return text if len(text) <= most else f"{text[: most - 3]}..."


# Of lists in lists the first entries alone are written, so that a million of them cost nothing.
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict, _SHORT.maxlong = 3, 8, 8, 50
