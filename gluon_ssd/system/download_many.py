"""Fetch many files beside one another, each told of as it ends."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gluon_ssd.system.download import Fetcher, Progress, Wanted
from gluon_ssd.system.web_session import FetchFailed

_LEAVING_S = 2.0


class Fetched(NamedTuple):
    """A file that ended; failure: why it is not there, empty where it is."""

    wanted: Wanted
    failure: str


def fetch_many(
    files: Iterable[Wanted],
    fetcher: Fetcher,
    *,
    parallel: int,
    progress: Progress | None = None,
) -> Iterator[Fetched]:
    """Fetch files in `parallel` threads.

    Args:
        files: gone through as threads become free, so it may be long.
        fetcher: stopped when the iteration is left early, by Ctrl-C too.
        parallel: files at a time.
        progress: called with the bytes that came and those announced, over all files so far.

    Yields:
        Each file once it has ended, in that order.

    Raises:
        EnvironmentProblem: the disk is full or a folder cannot be written; every file stops.
    """
    crew = _Crew(files, fetcher, progress)
    threads = [threading.Thread(target=crew.work, daemon=True) for _ in range(parallel)]
    try:
        for thread in threads:
            thread.start()
        working = parallel
        while working:
            ended = crew.results.get()
            if ended is None:
                working -= 1
            elif isinstance(ended, BaseException):
                raise ended
            else:
                yield ended
    except BaseException:
        # A thread that waits for a host may sleep on: it is left, and what it wrote is in order.
        fetcher.stop()
        for thread in threads:
            thread.join(_LEAVING_S)
        raise


class _Crew:
    """What the threads share."""

    def __init__(
        self, files: Iterable[Wanted], fetcher: Fetcher, progress: Progress | None
    ) -> None:
        self.results: queue.SimpleQueue[Fetched | BaseException | None] = queue.SimpleQueue()
        self._fetcher = fetcher
        self._files = iter(files)
        self._lock = threading.Lock()
        self._progress = progress
        self._done: dict[str, tuple[int, int]] = {}

    def work(self) -> None:
        """Fetch the next file until there is none."""
        try:
            while not self._fetcher.is_stopped and (wanted := self._next()):
                try:
                    self._fetcher.fetch(wanted, self._counter(wanted))
                    self.results.put(Fetched(wanted, ""))
                except FetchFailed as failure:
                    self.results.put(Fetched(wanted, str(failure)))
            self.results.put(None)
        except BaseException as error:
            self.results.put(error)  # raised again by the thread that waits

    def _next(self) -> Wanted | None:
        with self._lock:
            return next(self._files, None)

    def _counter(self, wanted: Wanted) -> Progress | None:
        progress = self._progress
        if progress is None:
            return None

        def count(done: int, total: int | None) -> None:
            with self._lock:
                self._done[wanted.url] = (done, total or done)
                progress(*map(sum, zip(*self._done.values(), strict=True)))

        return count
