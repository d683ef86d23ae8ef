"""What all that speaks HTTP shares: redirects within bounds, and what went wrong in a few words."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin, urlsplit
from weakref import WeakSet

import requests
from requests.adapters import HTTPAdapter

from gluon_ssd.errors import one_line

_MOST_REDIRECTS = 10
_LONGEST_REASON = 60

WRONG_ADDRESS = (
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
)
"""What requests raises for an address that no web server can have."""


class FetchFailed(Exception):
    """A file could not be fetched. The text is the reason alone; callers say what to do."""


class WebSession(requests.Session):
    """A session that asks no address it should not be led to, and that another thread can end.

    A redirect leads to http or https, never from https to http, and ten follow one another at most.
    """

    def __init__(self) -> None:
        super().__init__()
        self.max_redirects = _MOST_REDIRECTS
        self._sockets: WeakSet[socket.socket] = WeakSet()
        for scheme in ("http://", "https://"):
            self.mount(scheme, _NotingAdapter(self._sockets))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where an answer leads. Raises FetchFailed before a wrong address is asked."""
        try:
            target: str | None = super().get_redirect_target(resp)
        except UnicodeError as error:
            resp.close()
            raise FetchFailed("it redirects to what is no address") from error
        if target is not None:
            # What stands in it nobody wants, and requests would read and unpack all of it.
            resp.raw.close()
            check_redirect(resp.url, target)
        return target

    def abort(self) -> None:
        """Have every thread that waits for an answer, or reads one, end with an error.

        A server can keep a thread for ever within one call, by what brings nothing: answers that
        say "100 Continue", or an endless trailer.
        """
        for opened in list(self._sockets):
            with suppress(OSError):
                # Not that of an SSL socket, which would take its state from the reading thread.
                socket.socket.shutdown(opened, socket.SHUT_RDWR)


class _NotingAdapter(HTTPAdapter):
    """Adds the sockets that it opens to a set; those to a proxy are not among them."""

    def __init__(self, sockets: WeakSet[socket.socket]) -> None:
        self._noted = sockets
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of connections; called by requests."""
        super().init_poolmanager(*args, **options)
        pools = self.poolmanager.pool_classes_by_scheme.items()
        self.poolmanager.pool_classes_by_scheme = {
            scheme: _noting_pool(pool, self._noted) for scheme, pool in pools
        }


def _noting_pool(pool: Any, sockets: WeakSet[socket.socket]) -> Any:
    class Connection(pool.ConnectionCls):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})


def check_redirect(url: str, target: str) -> None:
    """Raise FetchFailed where `url` must not lead to `target`, an address or a part of one."""
    try:
        parts = urlsplit(urljoin(url, target))
        scheme, _ = parts.scheme, parts.port  # which is judged when it is asked for
    except ValueError as error:
        raise FetchFailed("it redirects to what is no address") from error
    if scheme not in ("http", "https"):
        raise FetchFailed(f"it redirects to {scheme}:, which is no web server")
    if url.lower().startswith("https:") and scheme != "https":
        raise FetchFailed("it redirects from https to an address without encryption")


def status_text(answer: requests.Response) -> str:
    """The number and the words of an answer's status; the server chooses these, so they are cut."""
    reason = one_line(answer.reason or "")
    if len(reason) > _LONGEST_REASON:
        reason = f"{reason[:_LONGEST_REASON]}..."
    return f"{answer.status_code} {reason}".rstrip()


def content_length(answer: requests.Response) -> int | None:
    """How long a body is to be by its header; None where that does not say it."""
    length = answer.headers.get("Content-Length", "")
    # More digits than any file needs, but none that take long to read.
    return int(length[:18]) if length.isascii() and length.isdigit() else None


def connection_problem(error: BaseException, timeout_s: float) -> str:
    """A connection's failure in a few words: what the system said, at the bottom of the chain."""
    chain: list[BaseException] = [error]
    while (below := chain[-1].__cause__ or chain[-1].__context__) and below not in chain:
        chain.append(below)
    if any(isinstance(step, TimeoutError | requests.Timeout) for step in chain):
        return f"no answer within {timeout_s:g} s"
    told = [step.strerror for step in chain if isinstance(step, OSError) and step.strerror]
    return told[-1] if told else "the connection broke off"
