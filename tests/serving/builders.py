"""A service within one event loop: no socket, and a detector whose answers are known."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from gluon_ssd.inference.batches import Detecting, SharedModel
from gluon_ssd.serving.app import create_app
from gluon_ssd.serving.batching import Batcher
from gluon_ssd.serving.computing import Computing
from gluon_ssd.serving.limits import ServeLimits
from gluon_ssd.serving.metrics import Metrics
from gluon_ssd.serving.service import Service
from tests.inference.builders import CLASSES, bright, toy_model


def encoded(pixels: np.ndarray, kind: str = "PNG", **options) -> bytes:
    """The content of an image file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


LIMITS = ServeLimits()
PNG = encoded(bright(1))
JPEG = encoded(np.full((40, 60, 3), 30, np.uint8), "JPEG")


def computing_of(folder: Path, limits: ServeLimits = LIMITS, **facts) -> Computing:
    """What answers, by the toy detector: it finds the one bright rectangle of a picture."""
    detecting = Detecting(SharedModel(toy_model(folder)), CLASSES, 4, 0.0, keeps_pixels=False)
    return Computing(facts.get("detecting", detecting), limits, Metrics())


@asynccontextmanager
async def running(
    compute, limits: ServeLimits = LIMITS, *, batch_size: int = 4, workers: int = 1
) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    """A service that is ready, and a client of it."""
    service = Service(limits, getattr(compute, "metrics", Metrics()))
    batcher = Batcher(
        compute,
        workers=workers,
        batch_size=batch_size,
        wait_s=limits.wait_s,
        metrics=service.metrics,
    )
    transport = httpx.ASGITransport(create_app(service), raise_app_exceptions=False)
    async with (
        aclosing(batcher),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        service.begin(batcher)
        yield service, client
