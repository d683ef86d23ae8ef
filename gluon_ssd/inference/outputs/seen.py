"""A picture that was looked at, and what every form of output does with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

from gluon_ssd.inference.found import Found


class Film(NamedTuple):
    """The film or camera that a frame is from.

    label: names the files made of it. rate: frames a second that are looked at.
    """

    label: str
    rate: float


@dataclass(frozen=True)
class Seen:
    """One picture.

    Attributes:
        found: the objects of it that count, with its pixels.
        label: names the files made of it, without an ending; no other picture has it.
        film: where it is a frame.
    """

    found: Found
    label: str
    film: Film | None = None


class Output(ABC):
    """A context that takes one picture after the other.

    What it writes takes its names when the block ends, or picture by picture; after an error
    nothing is there by half.
    """

    _open: ExitStack  # from `__enter__` on

    @abstractmethod
    def add(self, seen: Seen) -> None:
        """Take a picture. Raises EnvironmentProblem where a file cannot be written."""

    def _begin(self, stack: ExitStack) -> None:  # noqa: B027  # most open nothing
        """Open what all pictures share, in a stack that ends with the context."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._begin(stack)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, traceback)
