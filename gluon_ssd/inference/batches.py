"""Pictures through a detector: prepared, batched, computed, and put back into their own pixels."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.augment.transforms import eval_transform
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.detection.boxes import clip_boxes
from gluon_ssd.inference.found import Found
from gluon_ssd.inference.pictures import Picture

Floats = NDArray[np.float32]


class SharedModel:
    """A model that any number of threads may call.

    At most `at_once` of them are inside it; the others wait.
    """

    def __init__(self, model: RuntimeModel, at_once: int = 1) -> None:
        self.model = model
        self._places = threading.BoundedSemaphore(at_once)

    def run(self, images: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """As `RuntimeModel.run`, with outputs of NumPy."""
        with self._places:
            ids, scores, boxes = (as_numpy(output) for output in self.model.run(images))
        return ids, scores, boxes


@dataclass(frozen=True)
class Detecting:
    """How pictures become results.

    Attributes:
        shared: the model.
        classes: names of its classes.
        batch_size: pictures that are computed at a time.
        threshold: smallest score of a result.
        keeps_pixels: whether results hold the pixels of pictures that cannot be read again.
    """

    shared: SharedModel
    classes: tuple[str, ...]
    batch_size: int
    threshold: float
    keeps_pixels: bool

    def results(self, pictures: Iterable[Picture]) -> Iterator[Found]:
        """A result for each picture, in order.

        While a batch is computed, the pictures of the next one are read. Live pictures are not
        waited for: each is a batch.
        """
        with ThreadPoolExecutor(1, "detect") as pool:
            waiting: Future[list[Found]] | None = None
            for batch in self._batches(pictures):
                started = pool.submit(self.detect, batch)
                if waiting is not None:
                    yield from waiting.result()
                waiting = started
                if batch[0].is_live:
                    yield from waiting.result()
                    waiting = None
            if waiting is not None:
                yield from waiting.result()

    def _batches(self, pictures: Iterable[Picture]) -> Iterator[list[Picture]]:
        batch: list[Picture] = []
        for picture in pictures:
            batch.append(picture)
            if len(batch) == self.batch_size or picture.is_live:
                yield batch
                batch = []
        if batch:
            yield batch

    def detect(self, batch: Sequence[Picture]) -> list[Found]:
        """A result for each picture of a batch."""
        start, model = time.perf_counter(), self.shared.model
        images = np.stack([eval_transform(p.pixels, model.input_format) for p in batch])
        outputs = self.shared.run(images)
        parts = [self._kept(p, *rows) for p, *rows in zip(batch, *outputs, strict=True)]
        seconds = (time.perf_counter() - start) / len(batch)
        return [
            self._found(picture, part, seconds) for picture, part in zip(batch, parts, strict=True)
        ]

    def _kept(self, picture: Picture, ids: Any, scores: Any, boxes: Any) -> tuple[Any, ...]:
        """Labels, scores and boxes in the picture's own pixels of what is good enough."""
        ids, scores = ids.reshape(-1), scores.reshape(-1)
        kept = (ids >= 0) & (scores >= self.threshold)
        (height, width), (input_height, input_width) = _sizes(picture, self.shared.model)
        scale = np.array([width / input_width, height / input_height] * 2, np.float32)
        boxes_px = clip_boxes(boxes[kept] * scale, (height, width))
        return ids[kept].astype(np.int64), scores[kept].astype(np.float32), boxes_px

    def _found(self, picture: Picture, part: tuple[Any, ...], seconds: float) -> Found:
        pixels, read = picture.pixels, picture.read_again
        labels, scores, boxes_px = part
        return Found(
            labels=labels,
            scores=scores,
            boxes_px=boxes_px,
            classes=self.classes,
            size_hw=(pixels.shape[0], pixels.shape[1]),
            seconds=seconds,
            source=picture.source,
            frame=picture.frame,
            read=(lambda: pixels) if self.keeps_pixels else read,
        )


def _sizes(picture: Picture, model: RuntimeModel) -> tuple[tuple[int, int], tuple[int, int]]:
    height, width = picture.pixels.shape[:2]
    return (height, width), model.input_size_hw
