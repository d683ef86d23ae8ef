"""How messages list things."""

from __future__ import annotations

from collections.abc import Iterable


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
