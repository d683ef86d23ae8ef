"""Fetch something small over HTTP into memory, within limits that hold whatever the server does."""

from __future__ import annotations

import threading
import time

import requests
import urllib3

from gluon_ssd.system.web_session import (
    WRONG_ADDRESS,
    FetchFailed,
    WebSession,
    connection_problem,
    content_length,
    status_text,
)

_BLOCK_BYTES = 1 << 16
_FILM, _CAMERA = "video/", "multipart/x-mixed-replace"


class IsFilm(FetchFailed):
    """An address sends a film, or the pictures of a camera one after the other.

    Attributes:
        is_live: whether it is a camera.
    """

    is_live = False


def fetch_bytes(
    url: str, *, max_bytes: int, max_seconds: float, takes_films: bool = False
) -> bytes:
    """The content behind an address.

    Args:
        url: http or https; redirects are followed, but never from https to http.
        max_bytes: of the content.
        max_seconds: from the call to the last byte, finding the server included.
        takes_films: whether a film is content as any other; a camera never is.

    Raises:
        IsFilm: by its header it is a film or a camera; nothing of it was taken.
        FetchFailed: it cannot be had within the limits. The text is the reason alone.
    """
    job = _Job(url, max_bytes, max_seconds, (_CAMERA,) if takes_films else (_FILM, _CAMERA))
    # In a thread of its own, since some waits know no limit: for the name of the server, or for
    # answers that come a byte at a time.
    threading.Thread(target=job.run, name="fetch", daemon=True).start()
    if not job.is_done.wait(max_seconds):
        job.give_up()
        raise FetchFailed(f"it did not arrive within {max_seconds:g} seconds")
    if job.film is not None:
        raise job.film
    if job.problem is not None:
        raise FetchFailed(job.problem)
    return bytes(job.content)


_BEHIND_S = 0.5


class _Job:
    """One request; `run` fills `content`, or `problem`."""

    def __init__(
        self, url: str, max_bytes: int, max_seconds: float, refused: tuple[str, ...]
    ) -> None:
        self._url, self._max_bytes, self._refused = url, max_bytes, refused
        self._max_seconds = max_seconds
        self._until = time.monotonic() + max_seconds
        self.content = bytearray()
        self.problem: str | None = None
        self.film: IsFilm | None = None
        self.is_done, self._is_given_up = threading.Event(), threading.Event()
        self._session = WebSession()

    def run(self) -> None:
        """Fetch, and note what came of it."""
        try:
            self._fetch()
        except FetchFailed as error:
            self.problem = str(error)
        except requests.exceptions.TooManyRedirects:
            self.problem = "it redirects in a circle"
        except WRONG_ADDRESS:
            self.problem = "it is no address of a web server"
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            self.problem = connection_problem(error, self._max_seconds)
        finally:
            self.problem = self.problem or (None if self.content else "the answer is empty")
            self.is_done.set()

    def give_up(self) -> None:
        """Nobody waits for it any more."""
        self._is_given_up.set()
        self._session.abort()

    def _fetch(self) -> None:
        # A little more than the caller waits, so that it is the caller who says what happened.
        left_s = max(0.001, self._until - time.monotonic()) + _BEHIND_S
        # As it is: what a server compresses could become as large as it likes here.
        headers = {"Accept-Encoding": "identity"}
        with (
            self._session,
            self._session.get(self._url, headers=headers, stream=True, timeout=left_s) as answer,
        ):
            if answer.status_code != 200:
                raise FetchFailed(f"the server answers {status_text(answer)}")
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise FetchFailed("the server sends it compressed, which was not asked for")
            kind = answer.headers.get("Content-Type", "").lower()
            if kind.startswith(self._refused):
                self.film = IsFilm("it is a film, and not a picture")
                self.film.is_live = kind.startswith(_CAMERA)
                return
            self._check(content_length(answer) or 0)
            # What has come is taken at once, so that a job nobody waits for ends soon.
            while block := answer.raw.read1(_BLOCK_BYTES):
                if self._is_given_up.is_set():
                    return
                self.content += block
                self._check(len(self.content))

    def _check(self, num_bytes: int) -> None:
        if num_bytes > self._max_bytes:
            raise FetchFailed(f"it is larger than {self._max_bytes} bytes")
