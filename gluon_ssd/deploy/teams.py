"""One network compiled for several numbers of threads, since runtimes fix it when they compile.

The one for all threads is there from the start. The others are made when other programs first need
the cores: they cost memory and time that a quiet machine need not spend.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from gluon_ssd.errors import SsdError
from gluon_ssd.system.load import best_team, load_watch

_log = logging.getLogger(__name__)

Compiled = TypeVar("Compiled")


class Teams(Generic[Compiled]):
    """The network for the number of threads that suits the load of the machine.

    Attributes:
        whole: the network for all threads.
        compile_for: as given.

    Args:
        whole: the network for all threads.
        compile_for: number of threads -> the network.
        threads: all of them.
        aside: make networks for fewer threads in a thread, while that for all goes on; for runtimes
            that compile beside their calls.
    """

    def __init__(
        self,
        whole: Compiled,
        compile_for: Callable[[int], Compiled],
        threads: int,
        *,
        aside: bool = False,
    ) -> None:
        self.whole, self.compile_for = whole, compile_for
        self._most, self._aside = threads, aside
        self._ready = {threads: whole}
        self._sizes = team_sizes(threads)
        self._lock = threading.Lock()
        self._wanted = {threads}

    @property
    def threads(self) -> int:
        """Threads of the network that the next call uses."""
        wanted = best_team(self._sizes, load_watch().free_cores)
        is_made = wanted in self._ready or (not self._aside and wanted not in self._wanted)
        return wanted if is_made else self._most

    def now(self) -> Compiled:
        """The network for the next call."""
        threads = best_team(self._sizes, load_watch().free_cores)
        if threads not in self._ready:
            self._make(threads)
        return self._ready.get(threads, self.whole)

    def _make(self, threads: int) -> None:
        with self._lock:
            if threads in self._wanted:
                return
            self._wanted.add(threads)
        if self._aside:
            # Not a daemon: a process that ends while native code compiles in one would be aborted.
            threading.Thread(target=self._add, args=(threads,)).start()
        else:
            self._add(threads)

    def _add(self, threads: int) -> None:
        try:
            self._ready[threads] = self.compile_for(threads)
        except SsdError as error:  # such as a file that is gone: the network that is there goes on
            _log.warning("no network for %d threads beside that for all: %s", threads, error)


def team_sizes(threads: int) -> list[int]:
    """Numbers of threads that are tried: all, three quarters, half of them, and so on down to one.

    Each that is used keeps a compiled network of its own.
    """
    sizes = {threads}
    while threads > 1:
        sizes |= {threads * 3 // 4, threads // 2}
        threads //= 2
    return sorted(sizes)
