"""Whether evaluation overlaps reading, network and decoding: it against each of its parts alone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from gluon_ssd.benchmarks.turns import take_turns
from gluon_ssd.commands.wiring.data import evaluation_set
from gluon_ssd.commands.wiring.loaders import stream_loader
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.loading.loader import Batch, Loader
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.evaluation.predict import predict
from gluon_ssd.options.benchmark_load import OverlapBenchmark
from gluon_ssd.options.shared import DataOptions
from gluon_ssd.report.tables import Row
from gluon_ssd.system.load import LoadMeter
from gluon_ssd.system.threads import inference_threads, throughput_streams

OVERLAP_NOTE = (
    "Network: batches that are in memory, to detections; reading: the loader alone; evaluation: "
    "both beside one another, without the score. Slower part's: evaluation's time over that of the "
    "slower of the two within one round, the median of all; the goal is 1.15. At best: what that "
    "would be if all cores worked all the time, from the processor time that network and reading "
    "take by themselves. Others: cores that other programs used meanwhile, data workers counted."
)

_MEMORY_BYTES = 1 << 30  # of images that are kept for the network alone


def overlap_rows(options: OverlapBenchmark) -> list[Row]:
    """Measure; one row.

    Raises:
        ModelError, WeightsError, DataError: the model or the data set cannot be used.
    """
    threads = inference_threads()
    model = load_detector(
        options.model_prefix,
        input_size_hw=(options.data_shape, options.data_shape),
        backend=options.named_backend,
        streams=options.streams or throughput_streams(threads),
    )
    given = DataOptions(
        dataset="voc",
        dataset_root=options.dataset_root,
        splits=options.splits,
        limit_images=options.limit_images,
        num_workers=options.num_workers,
    )
    dataset = evaluation_set(given, model)
    load = LoadMeter()
    with stream_loader(given, dataset, model, options.batch_size) as loader:
        found = _measure(model, loader, dataset, options.rounds)
    processor = {"network": found.pop("network processor"), "reading": _reading_s(model, dataset)}
    return [
        {
            "model": options.model_prefix,
            "streams": model.streams,
            "threads": model.threads,
            **overlap_facts(found, processor, threads),
            "others": load.cores_of_others() or 0.0,
        }
    ]


def overlap_facts(
    wall_s: dict[str, list[float]], processor_s: dict[str, Any], threads: int
) -> dict[str, float]:
    """Columns of the row.

    Args:
        wall_s: "network", "reading" and "evaluation" -> seconds an image, one a round.
        processor_s: "network" -> the same of processor time, "reading" -> its seconds an image.
        threads: cores that work.
    """
    slower = np.maximum(wall_s["network"], wall_s["reading"])
    needed = float(np.median(processor_s["network"]) + processor_s["reading"]) / threads
    return {
        **{f"{name}, ms": 1000 * float(np.median(found)) for name, found in wall_s.items()},
        "of the slower part's": float(np.median(np.divide(wall_s["evaluation"], slower))),
        "at best": max(1.0, needed / float(np.median(slower))),
    }


def _measure(
    model: RuntimeModel, loader: Loader, dataset: ListedDataset, rounds: int
) -> dict[str, list[float]]:
    """Seconds an image of each way, one a round, after one that does not count."""
    count, kept = len(dataset), _kept_batches(loader)
    kept_count = sum(len(batch.indices) for batch in kept)
    processor: list[float] = []

    def score(batches: Iterable[Batch], images: int) -> float:
        start = time.perf_counter()
        predict(model.run, batches, num_images=images, streams=model.streams)
        return (time.perf_counter() - start) / images

    def network(_: int) -> float:
        start = time.process_time()
        seconds = score(kept, kept_count)
        processor.append((time.process_time() - start) / kept_count)
        return seconds

    def reading(_: int) -> float:
        start = time.perf_counter()
        for _batch in loader.epoch(0):
            pass
        return (time.perf_counter() - start) / count

    ways = {
        "network": network,
        "reading": reading,
        "evaluation": lambda _: score(loader.epoch(0), count),
    }
    return {**take_turns(ways, rounds, warmup=1), "network processor": processor[1:]}


def _kept_batches(loader: Loader) -> list[Batch]:
    """The first batches, in memory, as many as may be kept."""

    def copies() -> Iterator[Batch]:
        size = 0
        for batch in loader.epoch(0):
            size += batch.arrays["image"].nbytes
            if size > _MEMORY_BYTES:
                return
            yield Batch({name: a.copy() for name, a in batch.arrays.items()}, batch.indices)

    return list(copies())


def _reading_s(model: RuntimeModel, dataset: ListedDataset) -> float:
    """Processor time of reading one image, of some that are read in this process."""
    some = dataset.subset(range(min(64, len(dataset))))
    with stream_loader(DataOptions(num_workers=0), some, model, 16) as loader:
        start = time.process_time()
        for _batch in loader.epoch(0):
            pass
    return (time.process_time() - start) / len(some)
