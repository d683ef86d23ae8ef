"""Pictures through a detector: prepared, batched, computed, and put back into their own pixels."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.detection.boxes import clip_boxes
from gluon_ssd.inference.found import Found
from gluon_ssd.inference.kept_threads import borrow_threads
from gluon_ssd.inference.pictures import Picture
from gluon_ssd.inference.preparing import Preparing
from gluon_ssd.inference.thresholds import Threshold, reached

Array = NDArray[Any]


class Outputs(NamedTuple):
    """ids (B, K, 1), scores (B, K, 1) and boxes (B, K, 4) as of `RuntimeModel.run`, of NumPy; and
    the seconds that they took."""

    ids: Array
    scores: Array
    boxes: Array
    seconds: float


class SharedModel:
    """A model that any number of threads may call.

    As many of them are inside it as it has streams; the others wait.

    Attributes:
        model: itself.
        preparing: makes its input.
    """

    def __init__(self, model: RuntimeModel) -> None:
        self.model, self.preparing = model, Preparing(model.input_format)
        self._places = threading.BoundedSemaphore(model.streams)
        self._pool: ThreadPoolExecutor | None = None

    def run(self, images: Any) -> Outputs:
        """Detect in a batch; see `RuntimeModel.run`."""
        with self._places:
            start = time.perf_counter()
            ids, scores, boxes = (as_numpy(output) for output in self.model.run(images))
            return Outputs(ids, scores, boxes, time.perf_counter() - start)

    def push(self, images: Any) -> tuple[Any, Any, Any]:
        """As `RuntimeModel.run`, whose outputs may not be ready yet."""
        with self._places:
            return self.model.run(images)

    def start(self, images: Any) -> Callable[[], Outputs]:
        """As `run`, in another thread; the result waits for it."""
        with self._places:
            if self._pool is None:
                self._pool = borrow_threads(self.model.streams, self)
        return self._pool.submit(self.run, images).result


@dataclass(frozen=True)
class Detecting:
    """How pictures become results.

    Attributes:
        shared: the model.
        classes: names of its classes.
        batch_size: pictures that are computed at a time.
        threshold: smallest score of a result, of all classes or of each.
        keeps_pixels: whether results hold the pixels of their pictures.
    """

    shared: SharedModel
    classes: tuple[str, ...]
    batch_size: int
    threshold: Threshold
    keeps_pixels: bool

    def results(self, pictures: Iterable[Picture]) -> Iterator[Found]:
        """A result for each picture, in order.

        While a batch is computed, the pictures of the next one are read and prepared. Live pictures
        are not waited for: each is a batch.
        """
        waiting: Callable[[], list[Found]] | None = None
        for batch in self._batches(pictures):
            begun = self._begin(batch)
            if waiting is not None:
                yield from waiting()
            waiting = begun
            if batch[0].is_live:
                yield from waiting()
                waiting = None
        if waiting is not None:
            yield from waiting()

    def _batches(self, pictures: Iterable[Picture]) -> Iterator[list[Picture]]:
        batch: list[Picture] = []
        for picture in pictures:
            if batch and picture.is_live:
                yield batch
                batch = []
            batch.append(picture)
            if len(batch) == self.batch_size or picture.is_live:
                yield batch
                batch = []
        if batch:
            yield batch

    def _begin(self, batch: list[Picture]) -> Callable[[], list[Found]]:
        """Prepare a batch and start it; the call that is returned waits for its results.

        A batch that nothing comes after is computed within that call, and needs no other thread.
        """
        start = time.perf_counter()
        images = self.shared.preparing.batch([picture.pixels for picture in batch])
        seconds = time.perf_counter() - start
        is_last = batch[0].is_live or len(batch) < self.batch_size
        outputs = partial(self.shared.run, images) if is_last else self.shared.start(images)
        return lambda: self._finished(batch, outputs(), seconds)

    def _finished(self, batch: Sequence[Picture], outputs: Outputs, seconds: float) -> list[Found]:
        """Results of a batch whose pictures took so many seconds to prepare."""
        each = (seconds + outputs.seconds) / len(batch)
        rows = zip(batch, outputs.ids, outputs.scores, outputs.boxes, strict=True)
        return [self._found(picture, *row, seconds=each) for picture, *row in rows]

    def _found(
        self, picture: Picture, ids: Array, scores: Array, boxes: Array, *, seconds: float
    ) -> Found:
        pixels, read = picture.pixels, picture.read_again
        height, width = pixels.shape[:2]
        return replace(
            self.found((height, width), ids, scores, boxes),
            seconds=seconds,
            source=picture.source,
            frame=picture.frame,
            read=(lambda: pixels) if self.keeps_pixels else read,
        )

    def found(self, size_hw: tuple[int, int], ids: Array, scores: Array, boxes: Array) -> Found:
        """What the outputs of one picture say, for a picture that comes from nowhere.

        Args:
            size_hw: height and width of the picture, px.
            ids, scores, boxes: (K, 1), (K, 1) and (K, 4), a row of `Outputs`.
        """
        ids, scores = ids.reshape(-1), scores.reshape(-1)
        kept = (ids >= 0) & reached(ids, scores, self.threshold)
        input_wh = np.array(self.shared.model.input_size_hw[::-1] * 2, np.float32)
        scale = np.array([*size_hw[::-1]] * 2, np.float32) / input_wh
        return Found(
            labels=ids[kept].astype(np.int64),
            scores=scores[kept].astype(np.float32),
            boxes_px=clip_boxes(boxes[kept] * scale, size_hw),
            classes=self.classes,
            size_hw=size_hw,
            seconds=0.0,
            source="",
            frame=None,
            read=None,
        )
