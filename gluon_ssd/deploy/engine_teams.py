"""An engine whose number of threads follows the load of the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from gluon_ssd.deploy.engine import Engine
from gluon_ssd.deploy.teams import Teams
from gluon_ssd.system.threads import follows_load


class FollowingEngine(Engine):
    """Calls one of several engines of the same graph, that of the threads that suit.

    Args:
        whole: the engine for all threads.
        compile_for: number of threads -> the engine; it is called in another thread.
    """

    def __init__(self, whole: Engine, compile_for: Callable[[int], Engine]) -> None:
        self._teams = Teams(whole, compile_for, whole.threads, aside=True)
        self.streams, self.input, self.shapes = whole.streams, whole.input, whole.shapes
        self.record = whole.record

    @property
    def threads(self) -> int:  # type: ignore[override]
        """Threads of the next call."""
        return self._teams.threads

    def compute(self, images: Any, names: Sequence[str]) -> list[NDArray[Any]]:
        """See `Engine`."""
        return self._teams.now().compute(images, names)

    def with_streams(self, streams: int = 0) -> Engine:
        """See `Engine`; streams do not wait for one another, so that they keep their threads."""
        return self._teams.whole.with_streams(streams) if streams != 1 else self

    def in_precision(self, dtype: str) -> Engine | None:
        """See `Engine`; it follows the load too."""
        whole = self._teams.whole.in_precision(dtype)
        if whole is None:
            return None

        def compile_for(threads: int) -> Engine:
            engine = self._teams.compile_for(threads).in_precision(dtype)
            assert engine is not None, "the engine for all threads could"
            return engine

        return FollowingEngine(whole, compile_for)


def follow_load(
    engine: Engine, compile_for: Callable[[int], Engine], *, is_fixed: bool = False
) -> Engine:
    """An engine whose threads follow the load, or the given one where they are to stay.

    Args:
        engine: for all threads. With several streams they stay: streams do not wait for another.
        compile_for: number of threads -> the engine.
        is_fixed: whether a user has asked for the number.
    """
    if is_fixed or engine.streams > 1 or engine.threads < 2 or not follows_load():
        return engine
    return FollowingEngine(engine, compile_for)
