"""A service from its start to its end: loading, ready, draining; and who is let in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from gluon_ssd.serving.batching import Batcher
from gluon_ssd.serving.contract import Refused
from gluon_ssd.serving.limits import ServeLimits
from gluon_ssd.serving.metrics import Metrics

_RETRY_S = 1
_LOADING_RETRY_S = 5


class State(Enum):
    """What a service is doing."""

    LOADING = "the model is being loaded"
    READY = "ready"
    DRAINING = "the service is ending"


class Service:
    """What the requests of one process share. It is used in the thread of its event loop.

    Attributes:
        limits, metrics: as given.
        state: see `State`.
    """

    def __init__(self, limits: ServeLimits, metrics: Metrics) -> None:
        self.limits, self.metrics, self.state = limits, metrics, State.LOADING
        self._open = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._batcher: Batcher | None = None

    @property
    def open(self) -> int:
        """Requests that were let in and have no answer yet."""
        return self._open

    def begin(self, batcher: Batcher) -> None:
        """Take requests from now on, unless the service is ending already."""
        self._batcher = batcher
        if self.state is State.LOADING:
            self.state = State.READY
            self.metrics.ready.set(1)

    def drain(self) -> None:
        """Refuse requests from now on; those that were let in are answered."""
        self.state = State.DRAINING
        self.metrics.ready.set(0)

    async def empty(self) -> None:
        """Wait until no request is open."""
        await self._empty.wait()

    def check_ready(self) -> None:
        """Raise Refused, 503, while the service takes no requests."""
        if self.state is not State.READY:
            retry_s = _LOADING_RETRY_S if self.state is State.LOADING else _RETRY_S
            raise Refused(503, self.state.value, retry_s=retry_s)

    @contextmanager
    def let_in(self) -> Iterator[Batcher]:
        """A place for one request, within the block, and what answers it.

        Raises:
            Refused: 503, the service takes no requests, or has no place.
        """
        self.check_ready()
        if self._open >= self.limits.max_requests:
            reason = f"{self._open} requests are open, as many as are allowed"
            raise Refused(503, reason, retry_s=_RETRY_S)
        assert self._batcher is not None, "a service that is ready has one"
        self._count(1)
        try:
            yield self._batcher
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self._open += change
        self.metrics.open.set(self._open)
        if self._open:
            self._empty.clear()
        else:
            self._empty.set()
