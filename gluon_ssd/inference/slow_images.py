"""Which images of a data set take longest, each by itself."""

from __future__ import annotations

import time
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.loading.samples import EvalSamples
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import DataError
from gluon_ssd.report.analysis.subject import Slow

MOST_TIMED, MOST_NAMED = 200, 20


class Detects(Protocol):
    """What is needed of a `RuntimeModel`."""

    @property
    def input_format(self) -> InputFormat:
        """How images become its input."""

    def run(self, images: Any) -> tuple[Any, Any, Any]:
        """Detect in a batch."""


def slowest_images(
    model: Detects, dataset: ListedDataset, max_pixels: int
) -> tuple[list[Slow], int]:
    """Time images one by one, as many as MOST_TIMED, evenly spread over the data set.

    Args:
        model: what detects.
        dataset: the images; those that cannot be read are passed over.
        max_pixels: of an image; larger ones are passed over, too.

    Returns:
        The MOST_NAMED slowest ones, the slowest first, and how many were timed.
    """
    samples, unused = EvalSamples(model.input_format, max_pixels), np.random.default_rng(0)
    places = np.unique(np.linspace(0, len(dataset) - 1, MOST_TIMED).round().astype(int))
    timed: list[Slow] = []
    is_first = True
    for index in places.tolist():
        try:
            start = time.perf_counter()
            image: NDArray[Any] = samples(dataset, index, unused)["image"]
            read = time.perf_counter()
        except DataError:
            continue
        if is_first:  # what is set up with the first image is no part of its time
            _run(model, image)
            is_first = False
        begin = time.perf_counter()
        _run(model, image)
        timed.append(Slow(index, 1000 * (read - start), 1000 * (time.perf_counter() - begin)))
    slowest = sorted(timed, key=lambda each: -(each.read_ms + each.run_ms))
    return slowest[:MOST_NAMED], len(timed)


def _run(model: Detects, image: NDArray[Any]) -> None:
    for output in model.run(image[np.newaxis]):
        as_numpy(output)
