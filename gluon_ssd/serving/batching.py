"""Requests that wait together become one batch. All but computing happens in the event loop."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gluon_ssd.serving.computing import Request
from gluon_ssd.serving.contract import Refused
from gluon_ssd.serving.metrics import Metrics

Compute = Callable[[Sequence[Request]], list[bytes | Refused]]
"""Requests of a batch -> the answer to each."""

_RETRY_S = 1


@dataclass(frozen=True, eq=False)
class _Job:
    request: Request
    answer: asyncio.Future[bytes]
    since_s: float


class Batcher:
    """Takes requests and computes those that wait as batches, so many beside one another.

    No request is made to wait for others: whoever is free takes what is there, and leaves the
    others who are free their share. It is made and used in the thread of one event loop.

    Args:
        compute: called in threads.
        workers: batches at a time.
        batch_size: most requests of one.
        wait_s: seconds that a request may wait; then it is refused.
        metrics: told of lengths and times.
    """

    def __init__(
        self, compute: Compute, *, workers: int, batch_size: int, wait_s: float, metrics: Metrics
    ) -> None:
        self._compute, self._batch_size, self._wait_s = compute, batch_size, wait_s
        self._metrics = metrics
        self._waiting: deque[_Job] = deque()
        self._arrived = asyncio.Event()
        self._idle = 0
        self._pool = ThreadPoolExecutor(workers, "batch")
        self._tasks = [asyncio.create_task(self._work()) for _ in range(workers)]

    async def answer(self, request: Request) -> bytes:
        """The answer to one request.

        Raises:
            Refused: it is refused: 503 where it waited too long.
        """
        loop = asyncio.get_running_loop()
        job = _Job(request, loop.create_future(), time.monotonic())
        self._waiting.append(job)
        self._metrics.waiting.set(len(self._waiting))
        self._arrived.set()
        expiry = loop.call_later(self._wait_s, self._expire, job)
        try:
            return await job.answer
        finally:
            expiry.cancel()

    async def aclose(self) -> None:
        """End the threads; what they compute is finished first, what waits is not taken."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        self._pool.shutdown()

    def _expire(self, job: _Job) -> None:
        if job in self._waiting and not job.answer.done():
            self._waiting.remove(job)
            reason = f"no batch had room for this request within {self._wait_s:g} s"
            job.answer.set_exception(Refused(503, reason, retry_s=_RETRY_S))

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            jobs = await self._take()
            requests = [job.request for job in jobs]
            computed = loop.run_in_executor(self._pool, self._compute, requests)
            await asyncio.wait([computed])
            _hand_out(jobs, computed)

    async def _take(self) -> list[_Job]:
        """The share of one of those who are free in what waits; it waits for something."""
        self._idle += 1
        try:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            share = -(-len(self._waiting) // self._idle)
        finally:
            self._idle -= 1
        jobs = [self._waiting.popleft() for _ in range(min(share, self._batch_size))]
        now_s = time.monotonic()
        for job in jobs:
            self._metrics.wait.observe(now_s - job.since_s)
        self._metrics.batches.observe(len(jobs))
        self._metrics.waiting.set(len(self._waiting))
        return jobs


def _hand_out(jobs: Sequence[_Job], computed: asyncio.Future[list[bytes | Refused]]) -> None:
    """Give every request of a batch its answer, or the error that ended the batch."""
    error = computed.exception()
    answers = [error] * len(jobs) if error is not None else computed.result()
    for job, answer in zip(jobs, answers, strict=True):
        if job.answer.done():  # nobody waits for it any more
            continue
        if isinstance(answer, bytes):
            job.answer.set_result(answer)
        else:
            job.answer.set_exception(answer)
