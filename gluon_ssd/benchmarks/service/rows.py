"""A service under load: its throughput beside the runtime's own, and many requests.

Service, clients and the runtime alone are processes of their own, which take turns.
"""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gluon_ssd.benchmarks.peer import Peer
from gluon_ssd.benchmarks.service import alone, clients
from gluon_ssd.benchmarks.service.served import Served
from gluon_ssd.benchmarks.turns import take_turns
from gluon_ssd.data.images import IMAGE_SUFFIXES
from gluon_ssd.errors import DataError
from gluon_ssd.inference.proof_images import made_up_pictures
from gluon_ssd.options.benchmark_load import ServeBenchmark
from gluon_ssd.report.tables import Row
from gluon_ssd.report.timing import latency_statistics

_log = logging.getLogger(__name__)

SERVE_NOTE = (
    "Service: pictures a second that clients in processes of their own get answers for, on this "
    "machine, decoding and HTTP counted. Network: batches that are in memory and prepared, to "
    "detections. Predict: the Python API on contents of files, decoding counted. Each in turn in "
    "every round; of network's and of predict's are the ratios within a round, the median of all. "
    "p50 and p99: from sending a request to its whole answer. Wrong: answers that are not what "
    "predict finds, or that do not name the fault of a broken request. Lost: without an answer. "
    "Memory: of the service, after a tenth of the requests and after all."
)

_MOST_IMAGES = 64
_CLIENT_PROCESSES = 2
_CHUNKS = 10
_MAX_BODY_MIB = 4
_WARMUP_ROUNDS = 1


def serve_rows(options: ServeBenchmark) -> list[Row]:
    """Measure; one row.

    Raises:
        SsdError: the model or the pictures cannot be used, or a process ended.
    """
    served = {
        "model_prefix": options.model_prefix,
        "backend": options.backend,
        "threads": options.threads,
        "streams": options.streams,
        "batch_size": options.batch_size,
        "max_body": _MAX_BODY_MIB,
        "max_requests": 4 * options.clients,
        "max_wait": 60.0,
    }
    with ExitStack() as started:
        folder = started.enter_context(tempfile.TemporaryDirectory())
        count = _write_pictures(options.images, Path(folder))
        own = started.enter_context(Peer(alone.answer, "the runtime alone"))
        _log.info("%d pictures; loading the model twice ...", count)
        facts = own.ask(
            "load",
            path=options.model_prefix,
            backend=options.named_backend,
            side=options.data_shape,
            threads=options.threads,
            streams=options.streams,
            folder=folder,
        )
        service = started.enter_context(Served(**served))
        senders = Senders(
            [
                started.enter_context(Peer(clients.answer, "the clients"))
                for _ in range(min(_CLIENT_PROCESSES, options.clients))
            ],
            service.port,
            options.clients,
        )
        senders.load(folder)
        facts["batch"] = options.batch_size or facts["batch"]
        speed = _speed(options, senders, own, facts["batch"])
        many = _many(options, senders, service) if options.requests else {}
        code = service.end()
    return [
        {
            "model": options.model_prefix,
            **facts,
            "clients": options.clients,
            **speed,
            **many,
            "exit code after SIGTERM": code,
        }
    ]


class Senders:
    """Client processes that work at the same time.

    Args:
        peers: the processes.
        port: of the service.
        clients: over all processes.
    """

    def __init__(self, peers: Sequence[Any], port: int, clients: int) -> None:
        self._peers, self._port = peers, port
        self._shares = [len(range(n, clients, len(peers))) for n in range(len(peers))]

    def load(self, folder: str) -> None:
        """Read the pictures of a folder, and the right answers to them."""
        self._all(lambda peer, number: peer.ask("load", folder=folder))

    def for_seconds(self, seconds: float) -> dict[str, Any]:
        """All clients send pictures for some time; facts of `Tally`, and images a second."""
        found = self._all(
            lambda peer, number: peer.ask(
                "for_seconds", port=self._port, clients=self._shares[number], seconds=seconds
            )
        )
        rate = sum(len(each["ms"]) / each["seconds"] for each in found)
        return {**joined(found), "rate": rate}

    def so_many(self, numbers: range, *, broken_every: int, most_bytes: int) -> dict[str, Any]:
        """All clients send the requests of some numbers; facts of `Tally`."""
        return joined(
            self._all(
                lambda peer, number: peer.ask(
                    "so_many",
                    port=self._port,
                    clients=self._shares[number],
                    numbers=list(numbers[number :: len(self._peers)]),
                    broken_every=broken_every,
                    most_bytes=most_bytes,
                )
            )
        )

    def _all(self, ask: Callable[[Any, int], Any]) -> list[Any]:
        with ThreadPoolExecutor(len(self._peers)) as pool:
            return list(pool.map(ask, self._peers, range(len(self._peers))))


def joined(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The facts of several tallies as those of one."""
    codes: Counter[str] = Counter()
    for each in found:
        codes.update(each["codes"])
    return {
        "ms": [ms for each in found for ms in each["ms"]],
        "codes": dict(codes),
        "wrong": sum(each["wrong"] for each in found),
        "lost": sum(each["lost"] for each in found),
        "told": [told for each in found for told in each["told"]],
    }


def _write_pictures(given: str, folder: Path) -> int:
    """Put pictures into a folder under names that sort; how many there are."""
    contents: list[bytes]
    if given:
        files = sorted(
            path for path in Path(given).rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES[:3]
        )
        if not files:
            raise DataError(f"there is no JPEG or PNG in {given}", settings=("images",))
        contents = [path.read_bytes() for path in files[:_MOST_IMAGES]]
    else:
        contents = [
            cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes() for picture in made_up_pictures()
        ]
    for number, content in enumerate(contents):
        (folder / f"{number:04d}").write_bytes(content)
    return len(contents)


def _speed(options: ServeBenchmark, senders: Senders, own: Peer, batch_size: int) -> Row:
    _log.info("%d rounds of %g s for each way ...", options.rounds, options.seconds)
    timed = {"seconds": options.seconds, "batch_size": batch_size}
    found = take_turns(
        {
            "service": lambda _: senders.for_seconds(options.seconds),
            "network": lambda _: own.ask("network", **timed),
            "predict": lambda _: own.ask("predict", **timed),
        },
        options.rounds,
        warmup=_WARMUP_ROUNDS,
    )
    _tell(joined(found["service"]))
    return speed_facts(found)


def speed_facts(found: Mapping[str, Sequence[Any]]) -> Row:
    """Columns about throughput.

    Args:
        found: "service" -> facts of `Senders.for_seconds`, "network" and "predict" -> images a
            second; one a round.
    """
    service = [each["rate"] for each in found["service"]]
    times = latency_statistics(np.concatenate([each["ms"] for each in found["service"]]) / 1000)
    row: dict[str, Any] = {"service, images/s": float(np.median(service))}
    for name in ("network", "predict"):
        row[f"{name}, images/s"] = float(np.median(found[name]))
        row[f"of {name}'s"] = float(np.median(np.divide(service, found[name])))
    return {**row, "p50, ms": times.median_ms, "p99, ms": times.p99_ms}


def _many(options: ServeBenchmark, senders: Senders, service: Served) -> Row:
    _log.info("%d requests, of which one in %d is broken ...", options.requests, options.broken)
    found, memory = [], []
    for chunk in range(_CHUNKS):
        numbers = range(
            chunk * options.requests // _CHUNKS, (chunk + 1) * options.requests // _CHUNKS
        )
        found.append(
            senders.so_many(numbers, broken_every=options.broken, most_bytes=_MAX_BODY_MIB << 20)
        )
        memory.append(service.memory_mib)
    together = joined(found)
    _tell(together)
    codes = sorted(together["codes"].items())
    return {
        "requests": options.requests,
        "answers by code": ", ".join(f"{code}: {count}" for code, count in codes),
        "wrong": together["wrong"],
        "lost": together["lost"],
        "memory, MiB": memory[0],
        "memory at the end, MiB": memory[-1],
    }


def _tell(found: Mapping[str, Any]) -> None:
    for told in found["told"]:
        _log.warning("%s", told)
