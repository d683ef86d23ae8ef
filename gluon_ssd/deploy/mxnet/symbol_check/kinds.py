"""The types that attributes of operators can have, each with what is allowed.

Texts are matched against patterns before they are converted, so that MXNet's own parser reads what
was checked. Every kind has `allowed`, for messages, and `read`, which gives the value of a text and
raises ValueError where it is not allowed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

_WHOLE = re.compile(r"[-+]?[0-9]{1,18}L?")
_DECIMAL = re.compile(r"[-+]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eE][-+]?\d{1,3})?", re.ASCII)
_TRUE, _FALSE = ("True", "true", "1"), ("False", "false", "0")
_LARGEST = 3.4e38
"""The largest float32: MXNet's own parser refuses what does not fit its type."""


class Kind(Protocol):
    """One type of attribute."""

    @property
    def allowed(self) -> str:
        """What is allowed, to stand behind "must be"."""

    def read(self, text: str) -> Any:
        """The value; ValueError where it is not allowed."""


@dataclass(frozen=True)
class Integer:
    """A whole number from `low` to `high`, both included; or None, where that is allowed."""

    low: int
    high: int
    none: bool = False

    @property
    def allowed(self) -> str:
        """A range."""
        return f"a whole number from {self.low} to {self.high}" + (" or None" * self.none)

    def read(self, text: str) -> int | None:
        """The number."""
        if self.none and text == "None":
            return None
        if not _WHOLE.fullmatch(text):
            raise ValueError(text)
        value = int(text.rstrip("L"))
        if not self.low <= value <= self.high:
            raise ValueError(text)
        return value


@dataclass(frozen=True)
class Number:
    """A finite number from `low` to `high`, both included; or None, where that is allowed."""

    low: float = -_LARGEST
    high: float = _LARGEST
    none: bool = False

    @property
    def allowed(self) -> str:
        """A range."""
        return f"a number from {self.low:g} to {self.high:g}" + (" or None" * self.none)

    def read(self, text: str) -> float | None:
        """The number."""
        if self.none and text == "None":
            return None
        if not _DECIMAL.fullmatch(text):
            raise ValueError(text)
        value = float(text)
        if not self.low <= value <= self.high:
            raise ValueError(text)
        return value


@dataclass(frozen=True)
class Flag:
    """True or False; or None, where that is allowed."""

    none: bool = False

    @property
    def allowed(self) -> str:
        """The words."""
        return "True or False" + (" or None" * self.none)

    def read(self, text: str) -> bool | None:
        """The truth value."""
        if self.none and text == "None":
            return None
        if text not in (*_TRUE, *_FALSE):
            raise ValueError(text)
        return text in _TRUE


@dataclass(frozen=True)
class Word:
    """One of some words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """The words."""
        return "one of " + ", ".join(word or "''" for word in self.words)

    def read(self, text: str) -> str:
        """The word."""
        if text not in self.words:
            raise ValueError(text)
        return text


@dataclass(frozen=True)
class Text:
    """A text of a pattern."""

    pattern: str
    allowed: str

    def read(self, text: str) -> str:
        """The text."""
        if not re.fullmatch(self.pattern, text, re.ASCII):
            raise ValueError(text)
        return text


@dataclass(frozen=True)
class Tuple:
    """Numbers in brackets, as "(3, 3)" or "[3,3]"; a single number stands for a tuple of one.

    Attributes:
        entry: what each has to be.
        most: how many there may be.
        none: whether "None" is allowed instead.
    """

    entry: Integer | Number
    most: int = 8
    none: bool = False

    @property
    def allowed(self) -> str:
        """Number and range."""
        end = " or None" * self.none
        return f"a tuple of at most {self.most}, each {self.entry.allowed}{end}"

    def read(self, text: str) -> tuple[Any, ...] | None:
        """The numbers."""
        if self.none and text == "None":
            return None
        if text[:1] + text[-1:] in ("()", "[]"):
            text = text[1:-1].strip(" ")
            if not text:
                return ()
            text = text.removesuffix(",")
        parts = text.split(",")
        if len(parts) > self.most:
            raise ValueError(text)
        return tuple(self.entry.read(part.strip(" ")) for part in parts)
