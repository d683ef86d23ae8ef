"""The runtime without a service, in a process of its own: what it does, and what is right."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.api import Detector
from gluon_ssd.benchmarks.peer import serve
from gluon_ssd.benchmarks.service.clients import EXPECTED
from gluon_ssd.commands.wiring.serving import batch_for
from gluon_ssd.data.augment.transforms import eval_transform
from gluon_ssd.data.images import decode_image
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.inference.batches import SharedModel
from gluon_ssd.inference.endpoint_json import endpoint_json
from gluon_ssd.system.threads import use_whole_cpu


class Alone:
    """Answers a `Peer`."""

    def __init__(self) -> None:
        self._model: RuntimeModel | None = None
        self._images: list[bytes] = []
        self._inputs: list[NDArray[np.float32]] = []

    def load(
        self, path: str, backend: str, side: int, threads: int, streams: int, folder: str
    ) -> dict[str, Any]:
        """Load a detector as a service does, and the pictures of a folder; write what is right."""
        use_whole_cpu(threads=threads)
        model = load_detector(
            path, input_size_hw=(side, side), backend=backend, threads=threads, streams=streams
        )
        self._model = model = model if streams else model.with_streams()
        files = sorted(Path(folder).iterdir())
        self._images = [file.read_bytes() for file in files]
        decoded = [
            decode_image(image, file, upright=True)
            for image, file in zip(self._images, files, strict=True)
        ]
        self._inputs = [eval_transform(pixels, model.input_format) for pixels in decoded]
        found = Detector(model).predict(self._images, threshold=0.0)
        right = [endpoint_json(result) for result in found]
        Path(folder, EXPECTED).write_text(json.dumps(right), encoding="utf-8")
        return {
            "streams": model.streams,
            "precision": model.precision,
            "threads": model.threads,
            "batch": batch_for(model),
        }

    def network(self, seconds: float, batch_size: int) -> float:
        """Pictures a second that are in memory and prepared: batches to detections alone."""
        model = self._loaded
        shared, rows = SharedModel(model), np.arange(batch_size)

        def batch(number: int) -> None:
            places = (number * batch_size + rows) % len(self._inputs)
            shared.run(np.stack([self._inputs[place] for place in places]))

        return _rate(batch, model.streams, seconds, batch_size)

    def predict(self, seconds: float, batch_size: int) -> float:
        """Pictures a second of `Detector.predict` on contents of files: decoding counts."""
        detector = Detector(self._loaded)

        def batch(number: int) -> None:
            count = len(self._images)
            some = [self._images[(number * batch_size + n) % count] for n in range(batch_size)]
            detector.predict(some, threshold=0.0, batch_size=batch_size)

        return _rate(batch, self._loaded.streams, seconds, batch_size)

    @property
    def _loaded(self) -> RuntimeModel:
        assert self._model is not None, "load comes first"
        return self._model


def _rate(batch: Callable[[int], None], workers: int, seconds: float, batch_size: int) -> float:
    """Pictures a second where so many threads compute one batch after the other, one at least."""
    start = time.perf_counter()

    def work(worker: int) -> int:
        for done in itertools.count():
            if done and time.perf_counter() - start >= seconds:
                return done
            batch(done * workers + worker)
        raise AssertionError("the loop has no end of its own")

    with ThreadPoolExecutor(workers) as pool:
        batches = sum(pool.map(work, range(workers)))
    return batches * batch_size / (time.perf_counter() - start)


def answer(connection_number: int) -> None:
    """Serve a `Peer`."""
    serve(Alone(), connection_number)
