"""The part that all loaders share: one epoch runs at a time, and `close` ends it."""

from __future__ import annotations

from typing import Self


class EpochByEpoch:
    """A source of epochs: beginning another one, or closing, ends the one that runs.

    Use it as a context manager, which closes it.
    """

    def __init__(self) -> None:
        self._turn = 0

    def _begin(self) -> int:
        """End the epoch that runs. Returns the turn of the next one, for `_check_turn`."""
        self._turn += 1
        return self._turn

    def _check_turn(self, turn: int) -> None:
        if turn != self._turn:
            raise RuntimeError("this epoch ended when another one of the same loader began")

    def close(self) -> None:
        """End the epoch that runs and what works for it; one asked for later starts anew."""
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
