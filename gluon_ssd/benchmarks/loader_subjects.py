"""Options -> DALI, the native loader and GluonCV's on the same data, alone or under training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.benchmarks.loaders import (
    Consume,
    measure_loaders,
    only_load,
    original_loader,
    summarise,
)
from gluon_ssd.compat import mx
from gluon_ssd.data.augment.settings import Augmentation, DaliAugmentation
from gluon_ssd.data.dali.loader import DaliLoader
from gluon_ssd.data.dali.prepare import DaliSamples
from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.data.loading.samples import TrainSamples
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.detection.matching import TargetMaker
from gluon_ssd.errors import DataError
from gluon_ssd.families.build import build_network, family_of
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.options.benchmarks import LoaderBenchmark
from gluon_ssd.training.devices import Devices
from gluon_ssd.training.loop import Learner, Step, train_one_epoch
from gluon_ssd.training.optimizer import Optimizer
from gluon_ssd.training.weight_watch import WeightWatch

_log = logging.getLogger(__name__)

_ANCHORS = {300: "ssd_300_vgg16_atrous_voc", 512: "ssd_512_vgg16_atrous_voc"}


def loader_rows(options: LoaderBenchmark) -> list[dict[str, Any]]:
    """Measure; one row a loader.

    Raises:
        DataError: there are too few images with boxes, which GluonCV's transform needs.
    """
    dataset = _labelled(options)
    size = options.data_shape
    network_name = options.train or options.anchors or _ANCHORS.get(size, _ANCHORS[512])
    anchors = build_network(network_name).anchors((size, size))
    _log.info(
        "%d images at %d with %d anchors, %d workers each",
        len(dataset),
        size,
        len(anchors),
        options.num_workers,
    )
    consume = _trainer(options.train, dataset.classes) if options.train else only_load
    with ExitStack() as stack:
        # GluonCV's first: it forks, which is best done before the others start threads.
        loaders = {
            "GluonCV": _original(dataset, anchors, options),
            "native": _epochs(stack.enter_context(_native(dataset, anchors, options))),
            "native, zoom-out off": _epochs(
                stack.enter_context(_native(dataset, anchors, options, zoom=0.0))
            ),
            "DALI": _epochs(_dali(dataset, anchors, options)),
            "DALI, zoom-out off": _epochs(_dali(dataset, anchors, options, zoom=0.0)),
        }
        if options.train:
            loaders = {name: made for name, made in loaders.items() if "off" not in name}
        return summarise(measure_loaders(loaders, consume, rounds=options.rounds), "GluonCV")


def _labelled(options: LoaderBenchmark) -> ListedDataset:
    root = Path(options.dataset_root).expanduser()
    dataset = open_dataset("voc", Selection(root, train=False, splits=options.splits))
    dataset = dataset.subset(i for i in range(len(dataset)) if len(dataset.annotation(i).labels))
    count = min(options.num_images or len(dataset), len(dataset))
    if count < options.batch_size:
        raise DataError(
            f"{count} images under {options.dataset_root} have boxes, a batch needs "
            f"{options.batch_size}; name other --splits, or a smaller --batch-size"
        )
    return dataset.subset(range(count))


def _epochs(loader: Loader | DaliLoader) -> Callable[[int], Iterable[Any]]:
    def one_pass(number: int) -> Iterator[Any]:
        yield from loader.epoch(number)

    return one_pass


def _native(
    dataset: ListedDataset, anchors: np.ndarray, options: LoaderBenchmark, zoom: float = 0.5
) -> Loader:
    size = options.data_shape
    return Loader(
        dataset,
        TrainSamples((size, size), Augmentation(expand_probability=zoom), TargetMaker(anchors)),
        batch_size=options.batch_size,
        shuffle=True,
        seed=0,
        num_workers=options.num_workers,
    )


def _dali(
    dataset: ListedDataset, anchors: np.ndarray, options: LoaderBenchmark, zoom: float = 0.5
) -> DaliLoader:
    size = options.data_shape
    return DaliLoader(
        dataset,
        DaliSamples((size, size), DaliAugmentation(zoom_probability=zoom), TargetMaker(anchors)),
        batch_size=options.batch_size,
        seed=0,
        num_threads=options.num_workers,
    )


def _original(
    dataset: ListedDataset, anchors: np.ndarray, options: LoaderBenchmark
) -> Callable[[int], Iterable[Any]]:
    annotations = [dataset.annotation(i) for i in range(len(dataset))]
    labels = [
        np.concatenate([a.boxes_px, a.labels[:, None], a.difficult[:, None]], 1).astype(np.float32)
        for a in annotations
    ]
    return original_loader(
        [dataset.image_path(i) for i in range(len(dataset))],
        labels,
        anchors_center_px=anchors,
        size_hw=(options.data_shape, options.data_shape),
        batch_size=options.batch_size,
        num_workers=options.num_workers,
    )


def _trainer(network_name: str, classes: tuple[str, ...]) -> Consume:
    """Train a network with random weights at a tiny rate on whatever comes."""
    network = build_network(network_name, classes=classes)
    contexts = [mx.cpu()]
    initialize(network, contexts, 0)
    network.hybridize(static_alloc=True, static_shape=True)
    learner = Learner(
        network,
        Devices(contexts),
        family_of(network).loss,
        Optimizer(network, momentum=0.9, wd=0.0005),
        WeightWatch(network),
    )

    def consume(batches: Iterable[Any]) -> tuple[int, float]:
        steps: list[Step] = []
        train_one_epoch(
            learner,
            batches,
            epoch=0,
            rate=lambda _: 1e-6,
            on_step=steps.append,
            image_names=lambda indices: [str(index) for index in indices],
        )
        return sum(len(step.indices) for step in steps), sum(step.data_wait_s for step in steps)

    return consume
