"""How long a server may take: for its first words, for each part, and for a whole file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from gluon_ssd.system.web_session import FetchFailed

Result = TypeVar("Result")


class Patience(NamedTuple):
    """What is borne of a host.

    Attributes:
        timeout_s: how long it may stay silent.
        attempts: that bring nothing new, one after the other, before it is given up.
        pause_s: before the second one, doubled before each further.
        slowest_bytes_s: bytes a second that it must send, on average over `slow_s`.
        slow_s: how long it may be slower.
        longest_s: for a whole file, over all attempts.
    """

    timeout_s: float = 30
    attempts: int = 5
    pause_s: float = 1
    slowest_bytes_s: float = 1000
    slow_s: float = 60
    longest_s: float = 24 * 3600.0


class Pace:
    """Measures one file on its way. `check` raises FetchFailed when the patience has ended."""

    def __init__(self, patience: Patience, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience, self._clock = patience, clock
        self._start = self._since = clock()
        self._before = 0

    def begin(self, num_bytes: int) -> None:
        """An answer begins, with so many bytes there already."""
        self._since, self._before = self._clock(), num_bytes

    def check(self, num_bytes: int) -> None:
        """So many bytes are there now."""
        now, patience = self._clock(), self._patience
        if now - self._start > patience.longest_s:
            raise FetchFailed(f"it did not arrive within {patience.longest_s:g} s")
        if (passed := now - self._since) >= patience.slow_s:
            speed = (num_bytes - self._before) / passed
            if speed < patience.slowest_bytes_s:
                raise FetchFailed(
                    f"it sends {speed:.0f} bytes a second, the least allowed is "
                    f"{patience.slowest_bytes_s:g}"
                )
            self._since, self._before = now, num_bytes


def within(
    seconds: float, work: Callable[[], Result], too_late: Callable[[Result], object]
) -> Result:
    """What `work` returns or raises, if it does so in time; else TimeoutError.

    It works in a thread of its own, since a server can send a header byte after byte, of which no
    timeout of a socket tells.

    Args:
        seconds: how long to wait.
        work: called once.
        too_late: gets a result that nobody waits for any more.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)  # raised again by the thread that waits

    # No executor: its threads would keep the program from ending.
    threading.Thread(target=run, name="ask", daemon=True).start()
    if not wait([future], seconds).done:
        future.add_done_callback(lambda late: late.exception() or too_late(late.result()))
        raise TimeoutError
    return future.result()


@contextmanager
def watched(seconds: float, give_up: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Watch over work that may hang: call what is yielded whenever something has come of it.

    Args:
        seconds: where nothing came for so long, and at most twice as long, the watch ends with
            `give_up`, which is called in another thread.
        give_up: has the work end with an error.
    """
    came, is_done = threading.Event(), threading.Event()

    def watch() -> None:
        while not is_done.wait(seconds):
            if not came.is_set():
                give_up()
                return
            came.clear()

    threading.Thread(target=watch, name="watch", daemon=True).start()
    try:
        yield came.set
    finally:
        is_done.set()
