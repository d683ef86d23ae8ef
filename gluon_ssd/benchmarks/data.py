"""Our training data pipeline against GluonCV's: CPU time for each image, decoding included."""

from __future__ import annotations

import ctypes
import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gluon_ssd.benchmarks.gluoncv.pipeline import original_pipeline
from gluon_ssd.benchmarks.training import bare_network
from gluon_ssd.benchmarks.turns import ratio_facts, take_turns
from gluon_ssd.compat import mx
from gluon_ssd.data.augment.policies import POLICIES
from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.data.loading.samples import TrainSamples
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.detection.matching import MakesTargets
from gluon_ssd.errors import DataError
from gluon_ssd.families.build import family_of
from gluon_ssd.models.interface import Network
from gluon_ssd.options.benchmarks import DataBenchmark
from gluon_ssd.report.tables import Row
from gluon_ssd.system.threads import compute_threads

_log = logging.getLogger(__name__)

# Networks whose anchors are used: 6132 and, the most there are, 24564 at 512.
_ANCHOR_NETWORKS = {512: ("ssd_512_mobilenet1.0_voc", "ssd_512_vgg16_atrous_voc")}
_ANCHOR_NETWORKS_300 = ("ssd_300_mobilenet1.0_voc", "ssd_300_vgg16_atrous_voc")

MakeSample = Callable[[int], Any]
"""Makes the training sample of one image, from the file on disk to arrays that are ready."""


def labelled_images(root: str, splits: str) -> ListedDataset:
    """The images of a VOC data set that have boxes: GluonCV's transform cannot take others."""
    dataset = open_dataset("voc", Selection(root, train=False, splits=splits))
    return dataset.subset(i for i in range(len(dataset)) if len(dataset.annotation(i).labels))


def data_rows(options: DataBenchmark) -> list[Row]:
    """Measure; one row a network whose anchors are used.

    Raises:
        DataError: no image has a box.
    """
    dataset = labelled_images(options.dataset_root, options.splits)
    if len(dataset) == 0:
        raise DataError(
            f"no image under {options.dataset_root} has a box, which GluonCV's transform needs; "
            "name other --splits"
        )
    names = _ANCHOR_NETWORKS.get(options.data_shape, _ANCHOR_NETWORKS_300)
    return [_row(dataset, name, options) for name in names]


def targets_of(
    network: Network, input_size_hw: tuple[int, int]
) -> tuple[NDArray[np.float32], MakesTargets]:
    """The anchors of a network for an input of that size, px, and what matches boxes to them."""
    anchors = network.anchors(input_size_hw)
    return anchors, family_of(network).target_maker(network.spec, anchors)


def _row(dataset: ListedDataset, name: str, options: DataBenchmark) -> Row:
    input_size_hw, generator = (options.data_shape, options.data_shape), np.random.default_rng(0)
    network = bare_network(name)
    anchors, target_maker = targets_of(network, input_size_hw)
    augmentation = POLICIES[network.spec.augmentation].native
    samples = TrainSamples(network.input_format(input_size_hw), augmentation, target_maker)
    count = min(options.num_images, len(dataset))
    _log.info("measuring with %d anchors ...", len(anchors))
    row: dict[str, Any] = {
        "anchors": len(anchors),
        "size": options.data_shape,
        **measure_data_pipelines(
            lambda number: samples(dataset, number, generator),
            original_pipeline(dataset.subset(range(count)), anchors, input_size_hw),
            num_images=count,
            rounds=options.rounds,
        ),
    }
    # Two batches at least: the clock starts at the first one.
    batch_size = max(1, min(16, len(dataset) // 2))
    for workers in (0, 1, 2):
        with Loader(
            dataset, samples, batch_size=batch_size, shuffle=True, seed=0, num_workers=workers
        ) as loader:
            row[f"images/s with {workers} workers"] = images_per_second(loader.epoch(0))
    return row


def measure_data_pipelines(
    ours: MakeSample, original: MakeSample, *, num_images: int, rounds: int
) -> dict[str, float]:
    """CPU milliseconds for each image of two pipelines, run in turns on one thread each.

    The CPU time of the whole process counts, so work that MXNet hands to its engine is included.

    Args:
        ours: see MakeSample.
        original: the other one; see `original_pipeline`.
        num_images: images 0 to num_images - 1 make one round.
        rounds: of each; the medians over rounds are reported.

    Returns:
        images, rounds; ours_ms and original_ms, medians; and `ratio_facts`.
    """
    random.seed(0)
    np.random.seed(0)

    def milliseconds(pipeline: MakeSample) -> float:
        start = time.process_time()
        for number in range(num_images):
            pipeline(number)
        return 1000 * (time.process_time() - start) / num_images

    with _one_thread():
        for pipeline in (ours, original):
            pipeline(0)
        times = take_turns(
            {"ours": lambda _: milliseconds(ours), "original": lambda _: milliseconds(original)},
            rounds,
        )
    return {
        "images": num_images,
        "rounds": rounds,
        "ours_ms": float(np.median(times["ours"])),
        "original_ms": float(np.median(times["original"])),
        **ratio_facts(**times),
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


def images_per_second(batches: Iterator[Any]) -> float:
    """Images a second of wall time that a loader delivers when nothing else is done.

    Args:
        batches: with `indices`, at least two. The clock starts at the first one, so the start of
            the workers is left out.
    """
    next(batches)
    start = time.perf_counter()
    images = sum(len(batch.indices) for batch in batches)
    return images / (time.perf_counter() - start)
