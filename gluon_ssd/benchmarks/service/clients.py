"""Clients of a service, in a process of their own: threads that each send one request at a time."""

from __future__ import annotations

import collections
import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gluon_ssd.benchmarks.peer import serve
from gluon_ssd.benchmarks.service.requests import Sent, is_right, request

EXPECTED = "expected.json"
"""Beside the pictures: the right answers, in their order by name."""

_HOST = "127.0.0.1"
_TIMEOUT_S = 120.0
_SHOWN = 3  # wrong answers that are told


class Connection:
    """One client: a connection that stays open as long as the service leaves it open."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection(_HOST, port, timeout=_TIMEOUT_S)

    def send(self, sent: Sent) -> tuple[int, bytes]:
        """Code and body of the answer. Raises OSError or HTTPException where there is none."""
        try:
            self._http.request(
                "POST", "/invocations", sent.body, {"Content-Type": sent.content_type}
            )
            answer = self._http.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.close()  # the next request opens it anew
            raise

    def close(self) -> None:
        """End the connection."""
        self._http.close()


class Tally:
    """What became of requests; any number of threads may add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.ms: list[float] = []
        self.codes: collections.Counter[int] = collections.Counter()
        self.wrong, self.lost = 0, 0
        self.told: list[str] = []

    def answered(self, code: int, seconds: float, *, is_right: bool, told: str) -> None:
        """Count an answer; `told` describes it where it is wrong."""
        with self._lock:
            self.codes[code] += 1
            if is_right and code == 200:
                self.ms.append(1000 * seconds)
            if not is_right:
                self.wrong += 1
                self.told.append(told)

    def none(self, told: str) -> None:
        """Count a request that was not answered."""
        with self._lock:
            self.lost += 1
            self.told.append(told)

    def facts(self) -> dict[str, Any]:
        """All of it as JSON holds it: ms are of answers with what was found."""
        return {
            "ms": self.ms,
            "codes": {str(code): count for code, count in self.codes.items()},
            "wrong": self.wrong,
            "lost": self.lost,
            "told": self.told[:_SHOWN],
        }


class Clients:
    """Answers a `Peer`."""

    def __init__(self) -> None:
        self._images: list[bytes] = []
        self._expected: list[Any] = []

    def load(self, folder: str) -> None:
        """Read the pictures of a folder, and the right answers to them."""
        names = sorted(path for path in Path(folder).iterdir() if path.name != EXPECTED)
        self._images = [path.read_bytes() for path in names]
        self._expected = json.loads(Path(folder, EXPECTED).read_text(encoding="utf-8"))

    def for_seconds(self, port: int, clients: int, seconds: float) -> dict[str, Any]:
        """So many clients send whole pictures for some time; `Tally.facts` and seconds.

        Answers are not looked at: that would take processor time of the service's.
        """
        start = time.perf_counter()
        end = start + seconds
        numbers = itertools.takewhile(lambda _: time.perf_counter() < end, itertools.count())
        found = self._send(port, clients, numbers)
        return {**found, "seconds": time.perf_counter() - start}

    def so_many(
        self, port: int, clients: int, numbers: list[int], broken_every: int, most_bytes: int
    ) -> dict[str, Any]:
        """So many clients send the requests of some numbers; `Tally.facts`."""
        return self._send(
            port,
            clients,
            iter(numbers),
            broken_every=broken_every,
            most_bytes=most_bytes,
            looks=True,
        )

    def _send(
        self,
        port: int,
        clients: int,
        numbers: Iterator[int],
        *,
        broken_every: int = 0,
        most_bytes: int = 0,
        looks: bool = False,
    ) -> dict[str, Any]:
        tally, lock = Tally(), threading.Lock()

        def next_number() -> int | None:
            with lock:
                return next(numbers, None)

        def client(_: int) -> None:
            connection = Connection(port)
            while (number := next_number()) is not None:
                sent = request(
                    number, self._images, broken_every=broken_every, most_bytes=most_bytes
                )
                self._send_one(connection.send, number, sent, tally, looks=looks)
            connection.close()

        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(client, range(clients)))
        return tally.facts()

    def _send_one(
        self,
        send: Callable[[Sent], tuple[int, bytes]],
        number: int,
        sent: Sent,
        tally: Tally,
        *,
        looks: bool,
    ) -> None:
        start = time.perf_counter()
        try:
            code, body = send(sent)
        except (OSError, http.client.HTTPException) as error:
            tally.none(f"request {number} was lost: {error!r}")
            return
        seconds = time.perf_counter() - start
        right = code == sent.code and (not looks or self._says_what_is_expected(body, sent))
        told = f"request {number}: {code} instead of {sent.code}, {body[:200]!r}"
        tally.answered(code, seconds, is_right=right, told=told)

    def _says_what_is_expected(self, body: bytes, sent: Sent) -> bool:
        try:
            answer = json.loads(body)
        except ValueError:
            return False
        if sent.image is not None:
            return is_right(answer, self._expected[sent.image])
        return bool(answer["error"]["code"] == sent.code and answer["error"]["reason"])


def answer(connection_number: int) -> None:
    """Serve a `Peer`."""
    serve(Clients(), connection_number)
