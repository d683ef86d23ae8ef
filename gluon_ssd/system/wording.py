"""How messages list things, and show what files of unknown origin hold."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable

# Control characters, ends of lines and paragraphs, marks that turn the direction of writing, and
# bytes of file names that are no UTF-8.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


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


def one_line(text: str) -> str:
    """A text from outside as it can stand in a message: what is no letter of a line is escaped.

    Line breaks become \\n and the like; letters of every language and blanks stay.
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def shown(value: object, most: int = 60) -> str:
    """A value from outside in a message: one line, a text in quotes, long ones cut."""
    if isinstance(value, str):
        return quoted(value, most)
    text = one_line(_SHORT.repr(value))
    return text if len(text) <= most else f"{text[: most - 3]}..."


# Of lists in lists the first entries alone are written, so that a million of them cost nothing.
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict, _SHORT.maxlong = 3, 8, 8, 50
