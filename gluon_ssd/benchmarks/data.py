"""Our training data pipeline against GluonCV's: CPU time for each image, decoding included."""

from __future__ import annotations

import ctypes
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.system.threads import compute_threads

MakeSample = Callable[[int], Any]
"""Makes the training sample of one image, from the file on disk to arrays that are ready."""


def measure_data_pipelines(
    ours: MakeSample, original: MakeSample, *, num_images: int, repeats: int = 5
) -> dict[str, float]:
    """CPU milliseconds for each image of two pipelines, run in turns on one thread each.

    The CPU time of the whole process counts, so work that MXNet hands to its engine is included.

    Args:
        ours: see MakeSample.
        original: the other one; see `original_pipeline`.
        num_images: images 0 to num_images - 1 make one round.
        repeats: rounds of each; the medians over rounds are reported.

    Returns:
        images, rounds; ours_ms and original_ms, medians; ratio, original over ours; ratio_low and
        ratio_high, the extremes of one round.
    """
    random.seed(0)
    np.random.seed(0)
    with _one_thread():
        for pipeline in (ours, original):
            pipeline(0)
        times = np.array(
            [
                [_cpu_seconds(pipeline, num_images) for pipeline in (ours, original)]
                for _ in range(repeats)
            ]
        )
    milliseconds = 1000 * np.median(times, axis=0) / num_images
    ratios = times[:, 1] / times[:, 0]
    return {
        "images": num_images,
        "rounds": repeats,
        "ours_ms": float(milliseconds[0]),
        "original_ms": float(milliseconds[1]),
        "ratio": float(np.median(ratios)),
        "ratio_low": float(ratios.min()),
        "ratio_high": float(ratios.max()),
    }


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep OpenCV and MXNet's operators to one thread: waiting threads spin and burn CPU time."""
    before = cv2.getNumThreads()
    set_threads = mx.base._LIB.MXSetNumOMPThreads
    cv2.setNumThreads(1)
    mx.base.check_call(set_threads(ctypes.c_int(1)))
    try:
        yield
    finally:
        cv2.setNumThreads(before)
        mx.base.check_call(set_threads(ctypes.c_int(compute_threads())))


def original_pipeline(
    image_paths: Sequence[str],
    labels: Sequence[np.ndarray],
    *,
    anchors_center_px: np.ndarray,
    size_hw: tuple[int, int],
) -> MakeSample:
    """GluonCV's training transform with its target generator, as its training script sets it up.

    Args:
        image_paths: one file for each image.
        labels: float (M, 6) for each image: corners in pixels, class, difficult; M at least 1.
        anchors_center_px: float32 (A, 4), centres in pixels.
        size_hw: height and width of the network input.

    Returns:
        A callable: image number -> None, done when every result is there.
    """
    from gluoncv.data.transforms.presets.ssd import SSDDefaultTrainTransform

    anchors = mx.nd.array(anchors_center_px[None])
    transform = SSDDefaultTrainTransform(size_hw[1], size_hw[0], anchors)

    def make_sample(number: int) -> None:
        image = mx.image.imread(image_paths[number], 1)
        for result in transform(image, labels[number].copy()):
            result.wait_to_read()

    return make_sample


def measure_loader(
    open_batches: Callable[[int], Iterable[Any]], worker_counts: Sequence[int]
) -> dict[str, float]:
    """Images per second of wall time that a loader delivers when nothing else is done.

    Args:
        open_batches: number of workers -> batches with `indices`, at least two.
        worker_counts: what to try.

    Returns:
        For each count, "images/s with N workers"; the clock starts at the first batch, so the
        start of the workers is left out.
    """
    return {
        f"images/s with {count} workers": _throughput(iter(open_batches(count)))
        for count in worker_counts
    }


def _throughput(batches: Iterator[Any]) -> float:
    next(batches)
    start = time.perf_counter()
    images = sum(len(batch.indices) for batch in batches)
    return images / (time.perf_counter() - start)


def _cpu_seconds(pipeline: MakeSample, num_images: int) -> float:
    start = time.process_time()
    for number in range(num_images):
        pipeline(number)
    return time.process_time() - start
