"""An engine whose number of threads follows the load of the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from gluon_ssd.deploy.engine import Engine
from gluon_ssd.deploy.teams import Teams
from gluon_ssd.system.threads import follows_load, inference_threads


class FollowingEngine(Engine):
    """Calls one of several engines of the same graph, that of the threads that suit.

    Args:
        compile_for: number of threads -> the engine; it may be called in another thread.
        threads: the most.
    """

    def __init__(self, compile_for: Callable[[int], Engine], threads: int) -> None:
        self._teams = Teams(compile_for, threads, aside=True)
        whole = self._teams.whole
        self.streams, self.input, self.shapes = 1, whole.input, whole.shapes
        self.record = whole.record

    @property
    def threads(self) -> int:  # type: ignore[override]
        """Threads of the next call."""
        return self._teams.threads

    def compute(self, images: Any, names: Sequence[str]) -> list[NDArray[Any]]:
        """See `Engine`."""
        return self._teams.now().compute(images, names)

    def constant(self, name: str) -> NDArray[Any]:
        """See `Engine`."""
        return self._teams.whole.constant(name)

    def in_precision(self, dtype: str) -> Engine | None:
        """See `Engine`; it follows the load too."""
        if self._teams.whole.in_precision(dtype) is None:
            return None

        def compile_for(threads: int) -> Engine:
            engine = self._teams.compile_for(threads).in_precision(dtype)
            assert engine is not None, "the engine for all threads could"
            return engine

        return FollowingEngine(compile_for, self._teams.most)


def follow_load(compile_for: Callable[[int], Engine], *, threads: int, streams: int) -> Engine:
    """An engine for the threads that were asked for, or one that follows the load.

    Args:
        compile_for: number of threads -> the engine.
        threads: that were asked for; 0 for those of this machine.
        streams: several of them compute without waiting for one another, so that they keep theirs.
    """
    most = inference_threads(threads)
    if threads or streams > 1 or most < 2 or not follows_load():
        return compile_for(most)
    return FollowingEngine(compile_for, most)
