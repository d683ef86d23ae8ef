"""What all that speaks HTTP shares: redirects within bounds, and what went wrong in a few words."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import requests

_MOST_REDIRECTS = 10

WRONG_ADDRESS = (
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
)
"""What requests raises for an address that no web server can have."""


class FetchFailed(Exception):
    """A file could not be fetched. The text is the reason alone; callers say what to do."""


class WebSession(requests.Session):
    """A session that asks no address it should not be led to.

    A redirect leads to http or https, never from https to http, and ten follow one another at most.
    """

    def __init__(self) -> None:
        super().__init__()
        self.max_redirects = _MOST_REDIRECTS

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where an answer leads. Raises FetchFailed before a wrong address is asked."""
        target: str | None = super().get_redirect_target(resp)
        if target is not None:
            try:
                check_redirect(resp.url, target)
            except FetchFailed:
                resp.close()
                raise
        return target


def check_redirect(url: str, target: str) -> None:
    """Raise FetchFailed where `url` must not lead to `target`, an address or a part of one."""
    try:
        scheme = urlsplit(urljoin(url, target)).scheme
    except ValueError as error:
        raise FetchFailed("it redirects to what is no address") from error
    if scheme not in ("http", "https"):
        raise FetchFailed(f"it redirects to {scheme}:, which is no web server")
    if url.lower().startswith("https:") and scheme != "https":
        raise FetchFailed("it redirects from https to an address without encryption")


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
