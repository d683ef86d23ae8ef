"""Run a network over a data set and collect what it finds, every image exactly once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.system.progress import progress_bar


class BatchLike(Protocol):
    """A batch of the loader: `arrays` holds "image" (B, 3, H, W) and "size_hw" (B, 2).

    The arrays need to stay as they are only until the next batch is asked for.
    """

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Array by name."""

    @property
    def indices(self) -> NDArray[Any]:
        """int64 (B,), positions in the data set; ~position, below 0, of an image left out."""


Run = Callable[[Any], tuple[Any, Any, Any]]
Gather = Callable[[NDArray[Any]], NDArray[Any]]


def predict(
    run: Run,
    batches: Iterable[BatchLike],
    *,
    num_images: int,
    progress: bool = False,
    description: str = "evaluate",
    gather: Gather | None = None,
    streams: int = 1,
) -> Detections:
    """Push all batches through `run` and collect the detections.

    A batch is pushed before the results of the one before are fetched, so that an asynchronous
    network computes while the next images are being prepared. With several streams as many threads
    run and decode batches beside one another, and beside what prepares the images.

    Args:
        run: images float32 (B, 3, H, W) -> ids (B, K, 1), scores (B, K, 1), bboxes (B, K, 4) as
            NumPy or MXNet arrays; boxes are corners in pixels of the network input and rows with a
            negative id are empty.
        batches: loader batches; the last one may be smaller.
        num_images: length of the data set.
        progress: show on stderr how far it is, with the time left.
        description: text in front of the bar.
        gather: when several processes share the images, joins the rows (n, ...) of all of them;
            every process then returns the detections of the whole data set.
        streams: threads that call `run`. With more than one, the arrays of `streams` + 1 batches
            must stay as they are, the batch that is asked for counted.

    Returns:
        The detections ordered by image, within an image in the order of the network. Boxes are
        clipped to the input before they are scaled to the original image.

    Raises:
        DataError: an image did not come exactly once, or batches differ in image size.
    """
    collector = _Collector(num_images)
    start = time.perf_counter()
    bar = None
    if progress:
        bar = progress_bar(total=num_images, unit="img", description=description)
    with bar or nullcontext():
        announced = map(collector.announce, batches)
        ahead = _one_ahead(run, announced) if streams == 1 else _beside(run, announced, streams)
        for indices, outputs in ahead:
            collector.add(indices, *[as_numpy(output) for output in outputs])
            if bar is not None:
                bar.update(len(indices))
    if gather is not None:
        collector.join(gather)
    return collector.finish(time.perf_counter() - start)


def _one_ahead(
    run: Run, batches: Iterable[tuple[NDArray[Any], NDArray[Any]]]
) -> Iterator[tuple[NDArray[Any], Any]]:
    """(indices, outputs) of every batch, each after the one behind it was pushed."""
    waiting: tuple[NDArray[Any], Any] | None = None
    for indices, images in batches:
        outputs = run(images)
        if waiting is not None:
            yield waiting
        waiting = (indices, outputs)
    if waiting is not None:
        yield waiting


def _beside(
    run: Run, batches: Iterable[tuple[NDArray[Any], NDArray[Any]]], streams: int
) -> Iterator[tuple[NDArray[Any], Any]]:
    """(indices, outputs) of every batch in order, computed in as many threads as there are streams.

    One batch more than that is waiting, so that a thread that is done finds the next one.
    """

    def compute(images: NDArray[Any]) -> list[NDArray[Any]]:
        return [as_numpy(output) for output in run(images)]

    pool = ThreadPoolExecutor(streams, "predict")
    waiting: deque[tuple[NDArray[Any], Future[list[NDArray[Any]]]]] = deque()
    try:
        for indices, images in batches:
            waiting.append((indices, pool.submit(compute, images)))
            if len(waiting) > streams:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


class _Collector:
    """Gathers the kept rows of each batch, and counts how often each image came."""

    def __init__(self, num_images: int) -> None:
        self._seen = np.zeros(num_images, np.int64)
        self._left_out = np.zeros(num_images, np.int64)
        self._sizes_hw = np.zeros((num_images, 2), np.int64)
        self._input_size_hw: tuple[int, int] | None = None
        self._parts: list[tuple[NDArray[Any], ...]] = []

    def announce(self, batch: BatchLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """Note which images come, and their sizes. Returns (indices, images)."""
        images, indices = batch.arrays["image"], np.array(batch.indices)
        input_size_hw = (images.shape[2], images.shape[3])
        if self._input_size_hw not in (None, input_size_hw):
            raise DataError(
                f"images of one evaluation must share one input size; got {self._input_size_hw} "
                f"and then {input_size_hw} (height, width)"
            )
        places = np.where(indices < 0, ~indices, indices)
        if places.max() >= len(self._seen):
            raise DataError(
                f"a batch holds image number {int(places.max())}, but the data set has "
                f"{len(self._seen)} images"
            )
        self._input_size_hw = input_size_hw
        np.add.at(self._seen, places, 1)
        np.add.at(self._left_out, places[indices < 0], 1)
        self._sizes_hw[places] = batch.arrays["size_hw"]
        return indices, images

    def add(
        self, indices: NDArray[Any], ids: NDArray[Any], scores: NDArray[Any], bboxes: NDArray[Any]
    ) -> None:
        """Keep the rows of one batch that hold a detection."""
        assert self._input_size_hw is not None, "a batch is announced before it is added"
        height, width = self._input_size_hw
        ids = ids.reshape(len(indices), -1)
        rows, columns = np.nonzero((ids >= 0) & (indices >= 0)[:, None])
        limits = np.array([width, height, width, height], np.float32)
        input_boxes_px = np.clip(bboxes[rows, columns], np.float32(0), limits)
        labels = ids[rows, columns].astype(np.int64)
        kept_scores = scores.reshape(ids.shape)[rows, columns]
        self._parts.append((indices[rows], labels, kept_scores, input_boxes_px))

    def join(self, gather: Gather) -> None:
        """Add what the other processes have collected; all of them do the same."""
        self._parts = [tuple(gather(column) for column in self._columns())]
        # Images that no process had yet have no size; each of the others has one of them.
        self._seen = gather(self._seen[None]).sum(axis=0)
        self._left_out = gather(self._left_out[None]).sum(axis=0)
        self._sizes_hw = gather(self._sizes_hw[None]).max(axis=0)
        sizes = gather(np.array([self._input_size_hw or (0, 0)], np.int64)).max(axis=0)
        self._input_size_hw = (int(sizes[0]), int(sizes[1])) if sizes.any() else None

    def _columns(self) -> list[NDArray[Any]]:
        """Image index int64, label int64, score float32 and box float32 (N, 4) of what is kept."""
        no_numbers, no_boxes = np.zeros(0, np.int64), np.zeros((0, 4), np.float32)
        nothing = (no_numbers, no_numbers, no_boxes[:, 0], no_boxes)
        return [
            np.concatenate(parts).astype(parts[0].dtype)
            for parts in zip(nothing, *self._parts, strict=True)
        ]

    def finish(self, seconds: float) -> Detections:
        wrong = np.flatnonzero(self._seen != 1)
        if len(wrong):
            raise DataError(
                f"every image must be evaluated exactly once, but image number {wrong[0]} came "
                f"{self._seen[wrong[0]]} times ({len(wrong)} of {len(self._seen)} images are "
                "affected); check that the loader keeps the last batch and does not repeat"
            )
        if self._input_size_hw is None:
            raise DataError("there is no image to evaluate; the data set is empty")
        if self._left_out.all():
            raise DataError("none of the images to evaluate can be used; check their folder")
        columns = self._columns()
        order = np.argsort(columns[0], kind="stable")
        index, labels, scores, boxes = (column[order] for column in columns)
        factors_hw = self._sizes_hw / np.asarray(self._input_size_hw, np.float64)  # (I, 2)
        return Detections(
            image_index=index,
            labels=labels,
            scores=scores,
            boxes_px=(boxes * factors_hw[index][:, [1, 0, 1, 0]]).astype(np.float32),
            input_boxes_px=boxes,
            sizes_hw=self._sizes_hw,
            input_size_hw=self._input_size_hw,
            seconds=seconds,
            left_out=np.flatnonzero(self._left_out),
        )
