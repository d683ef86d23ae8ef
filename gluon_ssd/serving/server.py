"""Run a service on a socket until a signal ends it in good order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from types import FrameType
from typing import Any

import uvicorn

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.inference.batches import Detecting
from gluon_ssd.serving.app import create_app
from gluon_ssd.serving.batching import Batcher
from gluon_ssd.serving.computing import Computing
from gluon_ssd.serving.limits import ServeLimits
from gluon_ssd.serving.metrics import Metrics
from gluon_ssd.serving.service import Service
from gluon_ssd.system.guard import let_crashes_end
from gluon_ssd.system.signals import SIGNALS, handling, not_ignored

_log = logging.getLogger(__name__)

_BACKLOG = 1024
_CLOSE_S = 5  # for answers that are on their way when everything is done
_IDLE_S = 60  # a connection that asks for nothing
_REPEAT_S = 2.0
_BY_SIGNAL = 128  # exit codes of processes that a signal ended begin behind it

Load = Callable[[], Detecting]


class _Server(uvicorn.Server):
    """uvicorn's, but signals are those of `serve`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: an address, or the name of one.
        port: 0 takes a free one.

    Raises:
        EnvironmentProblem: the address is not of this machine, or the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise _cannot_listen(host, port, error) from error
    return listening


def _cannot_listen(host: str, port: int, error: OSError) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"cannot listen at {host} port {port}: {error.strerror or error}; choose another address "
        "or port",
        settings=("host", "port"),
    )


def serve(load: Load, limits: ServeLimits, listening: socket.socket) -> int:
    """Answer requests until SIGTERM, SIGINT or SIGHUP comes; then finish what was let in.

    /ping and /metrics answer at once, /invocations when the model is loaded and has run. A second
    signal, or the end of `limits.drain_s`, ends the process with requests unanswered.

    Args:
        load: the detector; called in a thread.
        limits: see there.
        listening: of `listen`; it is closed at the end.

    Returns:
        Requests that were answered, refusals counted.

    Raises:
        SsdError: of `load`.
    """
    return asyncio.run(_serve(load, limits, listening))


async def _serve(load: Load, limits: ServeLimits, listening: socket.socket) -> int:
    service, end = Service(limits, Metrics()), _End(limits.drain_s)
    server = _Server(_config(service))
    with handling(not_ignored(SIGNALS), end.receive):
        serving = asyncio.create_task(server.serve([listening]))
        try:
            await _take_requests(service, load, end)
        finally:
            server.should_exit = True
            await serving
    return service.metrics.answers


async def _take_requests(service: Service, load: Load, end: _End) -> None:
    """Load the model, take requests until the end is asked for, and finish them."""
    loading = asyncio.create_task(asyncio.to_thread(_loaded, service, load))
    asked = asyncio.create_task(end.asked.wait())
    try:
        await asyncio.wait([loading, asked], return_when=asyncio.FIRST_COMPLETED)
        if end.asked.is_set():
            service.drain()
            await end.in_time(loading, "while the model was being loaded")
            loading.result()
            return
        batcher = _batcher(service, loading.result())
        let_crashes_end()  # MXNet may have been imported, in the thread that loads
        async with aclosing(batcher):
            service.begin(batcher)
            await asked
            service.drain()
            _log.info("%s: %d open requests are finished, new ones refused", end.name, service.open)
            await end.in_time(asyncio.create_task(service.empty()), "with open requests")
    finally:
        asked.cancel()


def _loaded(service: Service, load: Load) -> Computing:
    """The detector, ready to compute at once."""
    computing = Computing(load(), service.limits, service.metrics)
    computing.warm_up()
    model = computing.detecting.shared.model
    height, width = model.input_size_hw
    _log.info(
        "ready: %s, %d x %d px, %s, %d streams of batches of up to %d",
        model.name,
        height,
        width,
        model.precision,
        model.streams,
        computing.detecting.batch_size,
    )
    return computing


def _batcher(service: Service, computing: Computing) -> Batcher:
    model = computing.detecting.shared.model
    # Pictures are decoded by one thread for each batch. Where batches have several threads each,
    # one more batch is decoded meanwhile.
    is_single = model.streams >= model.threads
    return Batcher(
        computing,
        workers=model.streams if is_single else model.streams + 1,
        batch_size=computing.detecting.batch_size,
        wait_s=service.limits.wait_s,
        metrics=service.metrics,
    )


def _config(service: Service) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(service),
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_CLOSE_S,
    )


class _End:
    """The signals that ask for the end.

    Attributes:
        asked: set by the first one.
    """

    def __init__(self, drain_s: float) -> None:
        self.asked, self._hurry = asyncio.Event(), asyncio.Event()
        self._loop, self._drain_s = asyncio.get_running_loop(), drain_s
        self._number, self._first_s = 0, 0.0

    @property
    def name(self) -> str:
        """Of the first signal."""
        return signal.Signals(self._number).name

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Take a signal; launchers deliver some twice, which asks for no hurry."""
        if not self._number:
            self._number, self._first_s = number, time.monotonic()
            self._loop.call_soon_threadsafe(self.asked.set)
        elif time.monotonic() - self._first_s > _REPEAT_S:
            self._loop.call_soon_threadsafe(self._hurry.set)

    async def in_time(self, task: asyncio.Task[Any], where: str) -> None:
        """Wait for a task; where it takes too long, or a second signal comes, leave at once."""
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait(
            [task, hurry], timeout=self._drain_s, return_when=asyncio.FIRST_COMPLETED
        )
        hurry.cancel()
        if not task.done():
            _log.error("stopped by %s %s: there was no more time", self.name, where)
            # Python would wait for the threads, which may never end.
            os._exit(_BY_SIGNAL + self._number)
