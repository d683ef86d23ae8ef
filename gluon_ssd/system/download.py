"""Fetch files over HTTP: taken up where they broke off, checked, and never half there.

A file on its way is called NAME.part; NAME.part.from says where it comes from, so that a later
call goes on with it. Only files above a mebibyte are kept for that: smaller ones start anew.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

import requests
import urllib3

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.address import shown_address
from gluon_ssd.system.files import ensure_directory, sha1_of, write_problem
from gluon_ssd.system.pace import Pace, Patience, watched, within
from gluon_ssd.system.web_session import (
    WRONG_ADDRESS,
    FetchFailed,
    WebSession,
    connection_problem,
    content_length,
    status_text,
)

Progress = Callable[[int, int | None], None]
"""Called with the bytes so far, and those in all or None."""

_BLOCK_BYTES = 1 << 16
_KEPT_BYTES = 1 << 20
_LONGEST_PAUSE_S = 60.0
# The server is busy or being repaired; every other answer but 200 and 206 stays what it is.
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})


class _TryAgain(Exception):
    """It did not work this time; the text is the reason."""


class Wanted(NamedTuple):
    """A file to fetch.

    url: where it is published.
    path: what it is called here.
    sha1: its published hexadecimal SHA-1; empty where none is published.
    check: gets the fetched file and returns what is wrong with it, or an empty text.
    most_bytes: a larger file is refused as soon as that shows.
    """

    url: str
    path: Path
    sha1: str = ""
    check: Callable[[Path], str] | None = None
    most_bytes: int = 100 * 10**9


class Fetcher:
    """Fetches files, from any number of threads; a connection is used for many of them.

    Args:
        patience: with hosts.
        resumes: keep what came of a file above a mebibyte, for a later call to go on with.
    """

    def __init__(self, patience: Patience | None = None, *, resumes: bool = True) -> None:
        self.patience = patience or Patience()
        self._resumes = resumes
        self._of_thread = threading.local()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Have every thread leave its file as it is. What was kept of files stays."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def fetch(self, wanted: Wanted, progress: Progress | None = None) -> None:
        """Fetch one file; it has its name once it is whole and right.

        Raises:
            FetchFailed: the host cannot be reached, does not have it, or sends something else.
            EnvironmentProblem: the folder cannot be written or the disk is full.
        """
        ensure_directory(wanted.path.parent)
        part = wanted.path.with_name(f"{wanted.path.name}.part")
        try:
            with _locked(part) as file:
                try:
                    origin = _Origin(part, wanted, file)
                    self._insist(wanted, file, origin, progress)
                    _accept(wanted, part)
                    if _size(file) > _KEPT_BYTES:  # small ones come in millions, and come again
                        os.fsync(file.fileno())
                    os.replace(part, wanted.path)
                    origin.forget()
                finally:
                    if not (self._resumes and _origin_path(part).exists()):
                        discard(wanted.path)
        except OSError as error:
            raise write_problem(part, error) from error

    def _insist(
        self, wanted: Wanted, file: IO[bytes], origin: _Origin, progress: Progress | None
    ) -> None:
        """Ask again until all of the file is there. What brought much of it was no failure."""
        failures, reached = 0, _size(file)
        pace = Pace(self.patience)
        while True:
            try:
                return self._ask(wanted, file, origin, pace, progress)
            except _TryAgain as problem:
                # A byte with each attempt would else go on for ever.
                failures = 1 if _size(file) >= reached + _BLOCK_BYTES else failures + 1
                reached = max(reached, _size(file))
                if failures >= self.patience.attempts:
                    raise FetchFailed(str(problem)) from problem
            pause_s = min(self.patience.pause_s * 2 ** (failures - 1), _LONGEST_PAUSE_S)
            if self._stopped.wait(pause_s):
                raise FetchFailed("stopped")

    def _ask(
        self,
        wanted: Wanted,
        file: IO[bytes],
        origin: _Origin,
        pace: Pace,
        progress: Progress | None,
    ) -> None:
        have = _size(file)
        headers = {"Accept-Encoding": "identity", **(origin.range(have) if have else {})}
        session, is_left = self._session(), threading.Event()

        def leave() -> None:
            is_left.set()
            session.abort()

        longest_s = self.patience.slow_s + self.patience.timeout_s
        try:
            with self._answer(session, wanted.url, headers) as answer:
                total = _begin(answer, file, origin)
                _refuse_large(wanted, total or 0)
                _require_space(wanted.path, (total or 0) - _size(file))
                with watched(longest_s, leave) as note:
                    for block in self._blocks(answer, pace, _size(file), note):
                        _write(file, block, wanted.path)
                        _refuse_large(wanted, _size(file))
                        if progress is not None:
                            progress(_size(file), total)
        except requests.exceptions.TooManyRedirects as error:
            raise FetchFailed("it redirects in a circle") from error
        except WRONG_ADDRESS as error:
            raise FetchFailed(
                f"{shown_address(wanted.url)!r} is no address of a web server"
            ) from error
        except TimeoutError as error:
            session.abort()  # else it is busy with that answer for ever
            self._of_thread.session = None
            raise _TryAgain(f"no answer within {self.patience.timeout_s:g} s") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if not is_left.is_set():
                raise _TryAgain(connection_problem(error, self.patience.timeout_s)) from error
        if is_left.is_set():
            self._of_thread.session = None
            raise FetchFailed(f"it has sent nothing of the file for more than {longest_s:g} s")
        if total is not None and _size(file) != total:
            # A server that does not say how much one answer has may end it early.
            raise _TryAgain(f"the connection broke off after {_size(file)} of {total} bytes")

    def _blocks(
        self, answer: requests.Response, pace: Pace, have: int, note: Callable[[], None]
    ) -> Iterator[bytes]:
        """What an answer brings, a block at a time; `have` bytes were there before.

        `note` is called whenever something has come.
        """
        pace.begin(have)
        block = bytearray()
        # What has come is taken at once, so that a slow server shows.
        while part := answer.raw.read1(_BLOCK_BYTES - len(block)):
            if self._stopped.is_set():
                raise FetchFailed("stopped")
            note()
            block += part
            pace.check(have + len(block))
            if len(block) == _BLOCK_BYTES:
                yield bytes(block)
                have += len(block)
                block.clear()
        if block:
            yield bytes(block)

    def _session(self) -> WebSession:
        """That of this thread."""
        session: WebSession | None = getattr(self._of_thread, "session", None)
        if session is None:
            session = self._of_thread.session = WebSession()
        return session

    def _answer(self, session: WebSession, url: str, headers: dict[str, str]) -> requests.Response:
        """The beginning of an answer. TimeoutError where not all of its header comes in time."""
        ask = functools.partial(
            session.get, url, headers=headers, stream=True, timeout=self.patience.timeout_s
        )
        return within(2 * self.patience.timeout_s, ask, lambda answer: answer.close())


class _Origin:
    """What is known of a part: its address, its version there and its whole length."""

    def __init__(self, part: Path, wanted: Wanted, file: IO[bytes]) -> None:
        self._path = _origin_path(part)
        # Not the address itself, which may hold a password.
        self._url = hashlib.sha256(wanted.url.encode("utf-8", "surrogateescape")).hexdigest()
        self._facts: dict[str, Any] = {}
        with suppress(OSError, ValueError, AttributeError):
            facts = json.loads(self._path.read_text(encoding="utf-8"))
            # From another address it may be another version; the sum would tell.
            if facts.get("url") == self._url or wanted.sha1:
                self._facts = facts
        if not self._facts:
            _empty(file)

    def range(self, have: int) -> dict[str, str]:
        """Headers that ask for what comes after `have` bytes, if it is still the same file."""
        version = self._facts.get("version") if self._facts.get("url") == self._url else None
        return {"Range": f"bytes={have}-", **({"If-Range": version} if version else {})}

    def fits(self, total: int | None) -> bool:
        """Whether the rest, of a file of `total` bytes, can belong to the part."""
        return total is not None and self._facts.get("total") in (None, total)

    def remember(self, answer: requests.Response, total: int | None) -> None:
        """Note where a file comes from that is worth being gone on with."""
        tag = answer.headers.get("ETag", "")
        version = tag if tag.startswith('"') else answer.headers.get("Last-Modified")
        self._facts = {"url": self._url, "version": version, "total": total}
        if total is None or total > _KEPT_BYTES:
            self._path.write_text(json.dumps(self._facts), encoding="utf-8")

    def forget(self) -> None:
        """The file is there, or is not to be gone on with."""
        self._path.unlink(missing_ok=True)


def discard(path: Path) -> None:
    """Remove what is there of a file on its way."""
    part = path.with_name(f"{path.name}.part")
    with suppress(OSError):
        part.unlink(missing_ok=True)
        _origin_path(part).unlink(missing_ok=True)


def _origin_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.from")


@contextmanager
def _locked(part: Path) -> Iterator[IO[bytes]]:
    """Open a part for this process alone. Raises FetchFailed when another one has it."""
    while True:
        with open(part, "ab", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FetchFailed("another process is fetching it") from None
            # Between opening and locking another process may have finished and renamed it.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), os.stat(part)):
                    yield file
                    return


def _size(file: IO[bytes]) -> int:
    return file.seek(0, os.SEEK_END)


def _empty(file: IO[bytes]) -> None:
    if _size(file):  # what is no regular file has no length that could be set
        file.truncate(0)


def _write(file: IO[bytes], block: bytes, path: Path) -> None:
    rest = memoryview(block)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        # Told apart here, since what goes wrong with a connection is an OSError too.
        raise write_problem(path, error) from error


def _begin(answer: requests.Response, file: IO[bytes], origin: _Origin) -> int | None:
    """Set the file to where the answer starts. Returns the length of the whole file, or None."""
    status = answer.status_code
    have = _size(file)
    if status == 206:
        content_range = answer.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d{1,18})-\d+/(\d{1,18})", content_range, re.ASCII)
        if match and int(match[1]) == have and origin.fits(int(match[2])):
            return int(match[2])
    if status in (206, 416):
        _empty(file)
        raise _TryAgain(f"it has another version of the file (HTTP {status})")
    if status in _TEMPORARY:
        raise _TryAgain(f"HTTP {status_text(answer)}")
    if status != 200:
        raise FetchFailed(f"HTTP {status_text(answer)}")
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise FetchFailed("it sends the file in another encoding")
    _empty(file)
    total = content_length(answer)
    origin.remember(answer, total)
    return total


def _refuse_large(wanted: Wanted, num_bytes: int) -> None:
    if num_bytes > wanted.most_bytes:
        raise FetchFailed(f"it is larger than {wanted.most_bytes} bytes")


def _require_space(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise EnvironmentProblem(
            f"cannot fetch {path.name}: {needed / 1e9:.2f} GB are to come and {path.parent} has "
            f"{free / 1e9:.2f} GB free; free some space or choose another folder"
        )


def _accept(wanted: Wanted, part: Path) -> None:
    """Raise FetchFailed, and drop the part, unless it is what was wanted."""
    wrong = wanted.check(part) if wanted.check else ""
    if wanted.sha1 and (found := sha1_of(part)) != wanted.sha1:
        wrong = f"the file it sends has another hash ({found}, not {wanted.sha1})"
    if wrong:
        discard(wanted.path)
        raise FetchFailed(wrong)
