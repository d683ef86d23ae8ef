"""Answer LoadGen's queries: one after the other, or in batches by threads."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

Detect = Callable[[Sequence[int]], list[bytes]]
"""Numbers of images -> the answer of each."""
Complete = Callable[[Sequence[tuple[int, bytes]]], object]
"""Takes (id of the query, answer) of each image that is done."""

_AFTER_ERROR_S = 0.01


class Server:
    """What LoadGen measures; a context manager that ends its threads.

    An error of the detector must not cross LoadGen's native code. Queries are then answered with
    nothing, and `raise_error` tells when the run has ended.

    Args:
        detect: computes.
        complete: told what is done.
        workers: threads that take batches from a queue; 0 answers in the caller's.
        batch_size: most images a batch.
    """

    def __init__(
        self, detect: Detect, complete: Complete, *, workers: int, batch_size: int = 1
    ) -> None:
        self._detect, self._complete, self._batch_size = detect, complete, batch_size
        self._waiting: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: object) -> None:
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def issue(self, queries: Sequence[tuple[int, int]]) -> None:
        """Take queries: (id, number of the image)."""
        if not self._threads:
            for query in queries:
                self._answer([query])
        for query in queries if self._threads else ():
            self._waiting.put(query)

    def raise_error(self) -> None:
        """Raise the first error of the detector, if there was one."""
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while batch[-1] is not None and len(batch) < self._batch_size:
                try:
                    batch.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            queries = [query for query in batch if query is not None]
            if queries:
                self._answer(queries)
            if batch[-1] is None:
                return

    def _answer(self, queries: Sequence[tuple[int, int]]) -> None:
        try:
            answers = self._detect([number for _, number in queries])
        except BaseException as error:  # noqa: B036  (see the class)
            self._error = self._error or error
            answers = [b""] * len(queries)
            time.sleep(_AFTER_ERROR_S)  # else LoadGen would ask millions of times
        self._complete([(key, answer) for (key, _), answer in zip(queries, answers, strict=True)])
