"""Numbers of a service for Prometheus."""

from __future__ import annotations

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)


class Metrics:
    """Counters of one service, in a registry of its own.

    Attributes:
        content_type: of `text`.
        waiting: requests that wait for their batch.
        open: requests from their first byte to their answer.
        ready: 1 while requests are taken.
        wait: seconds that requests waited for their batch.
        batches: requests of a batch.
        damaged: JPEGs that libjpeg warned of.
        answers: requests that were answered, refusals counted.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.answers = 0
        registry = self._registry
        self._requests = Counter(
            "ssd_requests", "Requests answered, by code.", ["code"], registry=registry
        )
        self._seconds = Histogram(
            "ssd_request_seconds",
            "First byte to answer, of what was found.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.waiting = Gauge(
            "ssd_waiting_requests", "Requests that wait for their batch.", registry=registry
        )
        self.open = Gauge(
            "ssd_open_requests", "Requests from first byte to answer.", registry=registry
        )
        self.ready = Gauge("ssd_ready", "1 while requests are taken.", registry=registry)
        self.wait = Histogram(
            "ssd_wait_seconds",
            "Time that requests waited for their batch.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.batches = Histogram(
            "ssd_batch_requests",
            "Requests computed as one batch.",
            buckets=_LENGTHS,
            registry=registry,
        )
        self.damaged = Counter(
            "ssd_damaged_images", "JPEGs that can be decoded and are damaged.", registry=registry
        )
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def answered(self, code: int, seconds: float | None = None) -> None:
        """Count an answer; with the seconds that it took, where something was looked for."""
        self.answers += 1
        self._requests.labels(str(code)).inc()
        if seconds is not None:
            self._seconds.observe(seconds)

    def text(self) -> bytes:
        """All numbers as Prometheus reads them."""
        return generate_latest(self._registry)
