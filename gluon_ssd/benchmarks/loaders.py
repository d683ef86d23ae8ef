"""DALI, the native loader and GluonCV's on the same data, alone or under training, in turns."""

from __future__ import annotations

import functools
import logging
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import psutil

from gluon_ssd.benchmarks.data import labelled_images, targets_of
from gluon_ssd.benchmarks.gluoncv.loader import original_loader
from gluon_ssd.benchmarks.training import bare_network, make_learner, random_network, take_steps
from gluon_ssd.benchmarks.turns import take_turns
from gluon_ssd.compat import mx
from gluon_ssd.data.augment.policies import POLICIES
from gluon_ssd.data.augment.settings import Augmentation, DaliAugmentation, StepAugmentation
from gluon_ssd.data.dali.loader import DaliLoader
from gluon_ssd.data.dali.prepare import DaliSamples
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.data.loading.samples import TrainSamples
from gluon_ssd.errors import DataError
from gluon_ssd.families.catalog import find_any
from gluon_ssd.models.interface import Network
from gluon_ssd.options.benchmarks import LoaderBenchmark
from gluon_ssd.report.tables import Row
from gluon_ssd.training.loop import Learner

_log = logging.getLogger(__name__)

_ANCHORS = {300: "ssd_300_vgg16_atrous_voc", 512: "ssd_512_vgg16_atrous_voc"}
_REFERENCE = "GluonCV"

OpenPass = Callable[[int], Iterable[Any]]
"""Number of a pass -> its batches, each with `arrays` and one entry of `indices` an image."""
Consume = Callable[[Iterable[Any]], tuple[int, float]]
"""Takes all batches; the number of images, and the seconds that it waited for them."""


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


def loader_rows(options: LoaderBenchmark) -> list[Row]:
    """Measure; one row a loader.

    Raises:
        DataError: there are too few images with boxes, which GluonCV's transform needs.
    """
    dataset = _labelled(options)
    side = options.data_shape
    consume: Consume = only_load
    if options.train:
        network = random_network(find_any(options.train, side).name, mx.cpu(), dataset.classes)
        consume = functools.partial(_train, make_learner(network, mx.cpu()))
    else:
        wanted = options.anchors or _ANCHORS.get(side, _ANCHORS[512])
        network = bare_network(find_any(wanted, side).name if options.anchors else wanted)
    _log.info(
        "%d images at %d with %d anchors, %d workers each",
        len(dataset),
        side,
        network.num_anchors((side, side)),
        options.num_workers,
    )
    with ExitStack() as stack:
        passes = _passes(dataset, network, options, stack)
        if options.train:
            passes = {name: made for name, made in passes.items() if "off" not in name}
        ways = {name: functools.partial(_measure, consume, made) for name, made in passes.items()}
        return summarise(take_turns(ways, options.rounds, warmup=1))


def _labelled(options: LoaderBenchmark) -> ListedDataset:
    dataset = labelled_images(options.dataset_root, options.splits)
    count = min(options.num_images or len(dataset), len(dataset))
    if count < options.batch_size:
        raise DataError(
            f"{count} images under {options.dataset_root} have boxes, a batch needs "
            f"{options.batch_size}; name other --splits, or a smaller --batch-size"
        )
    return dataset.subset(range(count))


def _passes(
    dataset: ListedDataset, network: Network, options: LoaderBenchmark, stack: ExitStack
) -> dict[str, OpenPass]:
    """Every loader by name; `stack` closes them."""
    input_size_hw, batch_size = (options.data_shape, options.data_shape), options.batch_size
    anchors, target_maker = targets_of(network, input_size_hw)
    input_format = network.input_format(input_size_hw)
    policy = POLICIES[network.spec.augmentation]

    def native(augmentation: Augmentation | StepAugmentation) -> OpenPass:
        samples = TrainSamples(input_format, augmentation, target_maker)
        workers = options.num_workers
        loader = Loader(
            dataset, samples, batch_size=batch_size, shuffle=True, seed=0, num_workers=workers
        )
        return stack.enter_context(loader).epoch

    def dali(augmentation: DaliAugmentation) -> OpenPass:
        samples = DaliSamples(input_format, augmentation, target_maker)
        threads = options.num_workers
        return DaliLoader(
            dataset, samples, batch_size=batch_size, seed=0, num_threads=threads
        ).epoch

    # GluonCV's first: it forks, which is best done before the others start threads.
    return {
        _REFERENCE: original_loader(
            dataset, anchors, input_size_hw, batch_size=batch_size, num_workers=options.num_workers
        ),
        "native": native(policy.native),
        "native, zoom-out off": native(replace(policy.native, expand_probability=0.0)),
        "DALI": dali(policy.dali),
        "DALI, zoom-out off": dali(replace(policy.dali, zoom_probability=0.0)),
    }


def only_load(batches: Iterable[Any]) -> tuple[int, float]:
    """Wait for each batch to be there, and do nothing with it."""
    images = 0
    for batch in batches:
        for array in batch.arrays.values():
            if isinstance(array, mx.nd.NDArray):
                array.wait_to_read()
        images += len(batch.indices)
    return images, 0.0


def _train(learner: Learner, batches: Iterable[Any]) -> tuple[int, float]:
    steps = take_steps(learner, batches)
    return sum(len(step.indices) for step in steps), sum(step.data_wait_s for step in steps)


def _measure(consume: Consume, open_pass: OpenPass, number: int) -> Round:
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


def summarise(measured: Mapping[str, Sequence[Round]]) -> list[Row]:
    """One row a loader: medians over rounds, the spread, and the ratio to GluonCV's.

    A ratio is that of two passes of the same round, so that both saw the same machine.
    """
    speeds = {name: [r.images / r.seconds for r in rounds] for name, rounds in measured.items()}
    rows: list[Row] = []
    for name, rounds in measured.items():
        ratios = np.divide(speeds[name], speeds[_REFERENCE])
        rows.append(
            {
                "loader": name,
                "images/s": statistics.median(speeds[name]),
                "least": min(speeds[name]),
                "most": max(speeds[name]),
                f"x {_REFERENCE}": float(np.median(ratios)),
                "least x": float(ratios.min()),
                "most x": float(ratios.max()),
                "CPU ms/image": statistics.median(1000 * r.cpu_seconds / r.images for r in rounds),
                "waiting for data": statistics.median(r.data_wait_s / r.seconds for r in rounds),
            }
        )
    return rows
