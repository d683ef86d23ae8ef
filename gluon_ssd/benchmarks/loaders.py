"""Training data loaders in turns: images a second, processor time, and what training waits."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import psutil

from gluon_ssd.compat import mx


class LoadedBatch(NamedTuple):
    """arrays: as training takes them; indices: one entry an image."""

    arrays: dict[str, Any]
    indices: np.ndarray


@dataclass(frozen=True)
class Round:
    """One pass of one loader.

    Attributes:
        images: how many came.
        seconds: of wall time, from asking for the first batch to having the last.
        cpu_seconds: of this process and the loader's own processes.
        data_wait_s: seconds in which the consumer waited for a batch.
    """

    images: int
    seconds: float
    cpu_seconds: float
    data_wait_s: float


Consume = Callable[[Iterable[Any]], tuple[int, float]]
"""Takes all batches; the number of images, and the seconds that it waited for them."""


def only_load(batches: Iterable[Any]) -> tuple[int, float]:
    """Wait for each batch to be there, and do nothing with it."""
    images = 0
    for batch in batches:
        for array in batch.arrays.values():
            if isinstance(array, mx.nd.NDArray):
                array.wait_to_read()
        images += len(batch.indices)
    return images, 0.0


def measure_loaders(
    loaders: Mapping[str, Callable[[int], Iterable[Any]]], consume: Consume, *, rounds: int
) -> dict[str, list[Round]]:
    """Run the loaders in turns, each once to warm up and then `rounds` times.

    Args:
        loaders: name -> (round -> batches of one pass).
        consume: see Consume.
        rounds: measured passes of each.
    """
    measured: dict[str, list[Round]] = {name: [] for name in loaders}
    for number in range(rounds + 1):
        for name, open_pass in loaders.items():
            result = _measure(open_pass, number, consume)
            if number:
                measured[name].append(result)
    return measured


def _measure(open_pass: Callable[[int], Iterable[Any]], number: int, consume: Consume) -> Round:
    cpu, start = _cpu_seconds(), time.perf_counter()
    images, waited = consume(open_pass(number))
    mx.nd.waitall()
    return Round(images, time.perf_counter() - start, _cpu_seconds() - cpu, waited)


def _cpu_seconds() -> float:
    """Of this process and of its children, ended ones and living ones."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return float(total)


def summarise(measured: Mapping[str, Sequence[Round]], reference: str) -> list[dict[str, Any]]:
    """One row a loader: medians over rounds, the spread, and the ratio to one of the loaders.

    A ratio is that of two passes of the same round, so that both saw the same machine.
    """
    rows = []
    for name, rounds in measured.items():
        speeds = [r.images / r.seconds for r in rounds]
        ratios = [
            s / (other.images / other.seconds)
            for s, other in zip(speeds, measured[reference], strict=True)
        ]
        rows.append(
            {
                "loader": name,
                "images/s": statistics.median(speeds),
                "least": min(speeds),
                "most": max(speeds),
                f"x {reference}": statistics.median(ratios),
                "least x": min(ratios),
                "most x": max(ratios),
                "CPU ms/image": statistics.median(1000 * r.cpu_seconds / r.images for r in rounds),
                "waiting for data": statistics.median(r.data_wait_s / r.seconds for r in rounds),
            }
        )
    return rows


class _Labelled:
    """Images with GluonCV's label rows, as a Gluon data set."""

    def __init__(self, image_paths: Sequence[str], labels: Sequence[np.ndarray]) -> None:
        self._paths, self._labels = list(image_paths), list(labels)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, number: int) -> tuple[Any, np.ndarray]:
        return mx.image.imread(self._paths[number], 1), self._labels[number].copy()


class _Transformed:
    """The same with GluonCV's training transform."""

    def __init__(self, dataset: _Labelled, transform: Callable[..., Any]) -> None:
        self._dataset, self._transform = dataset, transform

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, number: int) -> Any:
        return self._transform(*self._dataset[number])


def original_loader(
    image_paths: Sequence[str],
    labels: Sequence[np.ndarray],
    *,
    anchors_center_px: np.ndarray,
    size_hw: tuple[int, int],
    batch_size: int,
    num_workers: int,
) -> Callable[[int], Iterator[LoadedBatch]]:
    """GluonCV's training transform in MXNet's loader, as its training script puts them together.

    Args:
        image_paths: one file for each image.
        labels: float (M, 6) for each image: corners in pixels, class, difficult; M at least 1.
        anchors_center_px: float32 (A, 4), centres in pixels.
        size_hw: height and width of the network input.
        batch_size: B.
        num_workers: processes.

    Returns:
        round -> batches of one pass. The processes stay between passes.
    """
    from gluoncv.data.batchify import Stack, Tuple
    from gluoncv.data.transforms.presets.ssd import SSDDefaultTrainTransform

    transform = SSDDefaultTrainTransform(
        size_hw[1], size_hw[0], mx.nd.array(anchors_center_px[None])
    )
    loader = mx.gluon.data.DataLoader(
        _Transformed(_Labelled(image_paths, labels), transform),
        batch_size,
        shuffle=True,
        batchify_fn=Tuple(Stack(), Stack(), Stack()),
        last_batch="rollover",
        num_workers=num_workers,
    )

    def one_pass(_: int) -> Iterator[LoadedBatch]:
        for image, class_targets, box_targets in loader:
            # Their shared memory is no place to compute in: training copies to its device.
            arrays = {
                "image": image.as_in_context(mx.cpu()),
                "class_targets": class_targets.asnumpy(),
                "box_targets": box_targets.asnumpy(),
            }
            yield LoadedBatch(arrays, np.empty(len(image)))

    return one_pass
