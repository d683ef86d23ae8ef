"""Requests of one batch to their answers: decode, prepare, compute, put into words."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.image_notes import DAMAGED, collected_notes
from gluon_ssd.data.images import decode_image
from gluon_ssd.errors import DataError, SsdError
from gluon_ssd.inference.batches import Detecting
from gluon_ssd.serving.contract import FORMS, Refused, check_magic
from gluon_ssd.serving.limits import ServeLimits
from gluon_ssd.serving.metrics import Metrics

_log = logging.getLogger(__name__)

_SOURCE = "bytes of an image"  # as the Python API calls it
_NAME, _ADVICE = "of the request", "send a whole JPEG or PNG"
_MEMORY_RETRY_S = 5


@dataclass(frozen=True)
class Request:
    """One request. body: content of an image file; form: a key of `contract.FORMS`."""

    body: bytes
    form: str


@dataclass(frozen=True)
class Computing:
    """Answers the requests of a batch, in a thread; any number of threads may call it.

    Attributes:
        detecting: what computes.
        limits: of one picture.
        metrics: told of damaged pictures.
    """

    detecting: Detecting
    limits: ServeLimits
    metrics: Metrics

    def __call__(self, requests: Sequence[Request]) -> list[bytes | Refused]:
        """Answers in the order of the requests; a picture that cannot be used spoils no other."""
        start = time.perf_counter()
        answers: dict[int, bytes | Refused] = {}
        sizes_hw: dict[int, tuple[int, int]] = {}
        images = self.detecting.shared.preparing.room(len(requests))
        for number, request in enumerate(requests):
            try:
                sizes_hw[number] = self._prepare(request.body, images[len(sizes_hw)])
            except Refused as refused:
                answers[number] = refused
        if sizes_hw:
            try:
                outputs = self.detecting.shared.run(images[: len(sizes_hw)])
            except SsdError as error:
                _log.error("%s", error)
                # Its line may name files of this machine, which are none of a caller's business.
                failed = Refused(500, "the model cannot compute this; the log says more")
                return [answers.get(number, failed) for number in range(len(requests))]
            each = (time.perf_counter() - start) / len(sizes_hw)
            rows = zip(sizes_hw, outputs.ids, outputs.scores, outputs.boxes, strict=True)
            for number, *row in rows:
                found = self.detecting.found(sizes_hw[number], *row)
                found = replace(found, seconds=each, source=_SOURCE)
                answers[number] = FORMS[requests[number].form](found)
        return [answers[number] for number in range(len(requests))]

    def _prepare(self, body: bytes, target: NDArray[np.float32]) -> tuple[int, int]:
        """Write the input of the network, float32 (3, H, W); the size of the picture, px."""
        check_magic(body)
        try:
            with collected_notes() as notes:
                pixels = decode_image(
                    body,
                    _NAME,
                    upright=True,
                    max_pixels=self.limits.max_pixels,
                    advice=_ADVICE,
                )
            self.detecting.shared.preparing.fill(pixels, target)
        except DataError as error:
            raise Refused(413 if "max_pixels" in error.settings else 400, str(error)) from error
        except MemoryError as error:
            reason = "there is no memory for this picture now"
            raise Refused(503, reason, retry_s=_MEMORY_RETRY_S) from error
        damage = [note.message for note in notes if note.reason == DAMAGED]
        if damage:
            self.metrics.damaged.inc()
            if self.limits.refuses_damaged:
                raise Refused(400, damage[0])
        height, width = pixels.shape[:2]
        return height, width

    def warm_up(self) -> None:
        """Compute batches of every length, so that no caller waits for what comes first."""
        height, width = self.detecting.shared.model.input_size_hw
        # Larger than the input and no multiple of it, as photos are.
        picture = np.zeros((2 * height + 1, 2 * width + 1, 3), np.uint8)
        self.detecting.shared.preparing.batch([picture, picture])
        for length in range(1, self.detecting.batch_size + 1):
            self.detecting.shared.run(np.zeros((length, 3, height, width), np.float32))
