"""How much of the processor other programs use, measured beside the work; for Linux.

A team of threads waits for its slowest one after every operator. Where another program runs on the
core of one of them, two threads take longer than one, and now and then many times as long.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

_STAT = Path("/proc/stat")
_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE, _WAITING_FOR_DISK = 3, 4  # columns of a line of /proc/stat, see proc(5)

WINDOW_S = 0.2
"""Seconds between two looks. /proc/stat counts in hundredths, and a look takes 0.1 ms."""

SMALL_LOAD = 0.2
"""Cores' worth of work of others that does not count; a quiet machine has 0.02."""


@dataclass(frozen=True)
class Moment:
    """Counters at one time.

    Attributes:
        at_s: of a clock that never goes back.
        idle_s: seconds that the processors of this process have had nothing to do, added up.
        own_s: processor time of this process.
    """

    at_s: float
    idle_s: float
    own_s: float


def read_moment(processors: Collection[int], stat: Path = _STAT) -> Moment | None:
    """The counters now; None where the system does not tell."""
    try:
        lines = stat.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    wanted = {f"cpu{number}" for number in processors}
    counts = [line.split()[1:] for line in lines if line.split(" ", 1)[0] in wanted]
    idle = sum(int(count[_IDLE]) + int(count[_WAITING_FOR_DISK]) for count in counts)
    return Moment(time.monotonic(), idle / _TICKS, time.process_time()) if counts else None


def cores_of_others(before: Moment, after: Moment, num_processors: int) -> float:
    """Cores that were neither idle nor this process's between two moments, 0 or more.

    What the host of a virtual machine takes counts too.
    """
    elapsed = after.at_s - before.at_s
    used = (after.idle_s - before.idle_s) + (after.own_s - before.own_s)
    return max(0.0, num_processors - used / elapsed)


def best_team(sizes: Sequence[int], free: float) -> int:
    """Threads to compute with where so many cores are free: the most that have one each.

    Where not even the smallest team fits, it is that one.
    """
    return max((size for size in sizes if size <= free + SMALL_LOAD), default=min(sizes))


class LoadWatch:
    """Follows the load of others. It looks when it is asked, `WINDOW_S` seconds apart.

    Args:
        read: the counters now, as of `read_moment`; None where the system does not tell, and then
            all cores count as free.
        num_processors: that this process may use.
    """

    def __init__(
        self, read: Callable[[], Moment | None] | None = None, num_processors: int | None = None
    ) -> None:
        processors = os.sched_getaffinity(0)
        self._read = read or (lambda: read_moment(processors))
        self._num_processors = num_processors or len(processors)
        self._lock = threading.Lock()
        self._last = self._read()
        self._recent = (0.0, 0.0)

    @property
    def free_cores(self) -> float:
        """Cores that the others left in the last two windows, the fewer of both.

        So a load is noticed after one window, and its end after two.
        """
        if self._last is not None and time.monotonic() - self._last.at_s >= WINDOW_S:
            self._look()
        return self._num_processors - max(self._recent)

    def _look(self) -> None:
        if not self._lock.acquire(blocking=False):
            return  # another thread is looking
        try:
            before, after = self._last, self._read()
            if before is None or after is None or after.at_s - before.at_s < WINDOW_S:
                return
            others = cores_of_others(before, after, self._num_processors)
            self._recent = (self._recent[1], others)
            self._last = after
        finally:
            self._lock.release()


_watches: list[LoadWatch] = []


def load_watch() -> LoadWatch:
    """The watch of this process."""
    if not _watches:
        _watches.append(LoadWatch())
    return _watches[0]


class LoadMeter:
    """Average load of others from its making on, for reports."""

    def __init__(self) -> None:
        self._processors = os.sched_getaffinity(0)
        self._start = read_moment(self._processors)

    def cores_of_others(self) -> float | None:
        """Cores' worth until now; None where the system does not tell."""
        now = read_moment(self._processors)
        if self._start is None or now is None or now.at_s <= self._start.at_s:
            return None
        return cores_of_others(self._start, now, len(self._processors))

    def notice(self) -> str:
        """A line about a machine that was busy; empty where others used next to nothing."""
        others = self.cores_of_others()
        if others is None or others <= SMALL_LOAD:
            return ""
        return (
            f"this machine is busy: other programs used {others:.1f} of {len(self._processors)} "
            "cores meanwhile, so these times are not those of a quiet one"
        )
