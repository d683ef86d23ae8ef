"""Images a second, iteration by iteration: what the benchmark modes print.

The semantics and the wording are those of NVIDIA's SSD300 script: iterations are counted from 0,
those below the warm-up are left out, each ends when the device is done, and the median counts.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gluon_ssd.errors import DataError
from gluon_ssd.report.timing import finish


@dataclass(frozen=True)
class Throughput:
    """The timed iterations of a benchmark.

    Attributes:
        images: of each iteration, over all devices and processes.
        seconds: that each took.
    """

    images: tuple[int, ...]
    seconds: tuple[float, ...]

    def facts(self) -> dict[str, float]:
        """Average, median, least and greatest images a second of an iteration."""
        rates = np.array(self.images) / np.array(self.seconds)
        names = ("avg_img/sec", "med_img/sec", "min_img/sec", "max_img/sec")
        values = (rates.mean(), np.median(rates), rates.min(), rates.max())
        return dict(zip(names, map(float, values), strict=True))

    def lines(self, *, training: bool) -> Iterator[str]:
        """What is printed at the end."""
        facts = self.facts()
        yield ", ".join(f"{name} {value:.3f}" for name, value in facts.items())
        yield (
            f"Done benchmarking. Total images: {sum(self.images)}\t"
            f"total time: {sum(self.seconds):.3f}\t"
            f"Average images/sec: {facts['avg_img/sec']:.3f}\t"
            f"Median images/sec: {facts['med_img/sec']:.3f}"
        )
        if training:
            yield f"Training performance = {facts['med_img/sec']} FPS"


class Stopwatch:
    """Notes the end of each iteration; the first one begins when the watch is made."""

    def __init__(self, warmup: int) -> None:
        self._warmup, self._images, self._seconds = warmup, list[int](), list[float]()
        self._began_s = time.perf_counter()

    def lap(self, images: int) -> None:
        """An iteration over so many images has ended, on the device too."""
        now_s = time.perf_counter()
        self._images.append(images)
        self._seconds.append(now_s - self._began_s)
        self._began_s = now_s

    def throughput(self) -> Throughput:
        """The iterations after the warm-up. Raises DataError when there are none."""
        images, seconds = self._images[self._warmup :], self._seconds[self._warmup :]
        if not images:
            raise DataError(
                f"the data gave {len(self._images)} iterations and {self._warmup} of them are "
                "warm-up; use more data or less warm-up",
                settings=("benchmark_warmup",),
            )
        return Throughput(tuple(images), tuple(seconds))


def time_inference(
    run: Callable[[np.ndarray], Any], batches: Iterable[Any], *, warmup: int, iterations: int
) -> Throughput:
    """Time loading and running of batches, one after the other.

    Args:
        run: float32 (B, 3, H, W) -> arrays, which may come later, as MXNet's do.
        batches: with `arrays["image"]`; what they take to come counts.
        warmup, iterations: how many count not, and how many do.
    """
    watch = Stopwatch(warmup)
    for batch in itertools.islice(batches, warmup + iterations):
        images = batch.arrays["image"]
        finish(run(images))
        watch.lap(len(images))
    return watch.throughput()


def endless(epoch: Callable[[int], Iterator[Any]]) -> Generator[Any, None, None]:
    """The batches of one epoch after the other, for as long as somebody asks."""
    for number in itertools.count():
        yield from epoch(number)
