"""Options -> what is measured, and the text that says how it came out."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.benchmarks.data import measure_data_pipelines, measure_loader, original_pipeline
from gluon_ssd.benchmarks.decoding import measure_decode, realistic_outputs
from gluon_ssd.benchmarks.evaluation import compare_evaluations, original_evaluation
from gluon_ssd.benchmarks.gluoncv.decoder import layers_to_compare
from gluon_ssd.benchmarks.loader_subjects import loader_rows
from gluon_ssd.benchmarks.precision import precision_rows
from gluon_ssd.benchmarks.scaling import network_bound, scaling
from gluon_ssd.benchmarks.suppression import suppression_to_compare
from gluon_ssd.benchmarks.table import table
from gluon_ssd.commands.wiring.models import deployed_model
from gluon_ssd.compat import mx
from gluon_ssd.data.augment.settings import Augmentation
from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.data.loading.samples import EvalSamples, TrainSamples
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.deploy.mxnet.files import plain_prefix
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.deploy.mxnet.prepare import compile_block
from gluon_ssd.detection.matching import TargetMaker
from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.detections import collect_ground_truth
from gluon_ssd.evaluation.predict import predict
from gluon_ssd.evaluation.voc_map import evaluate_voc
from gluon_ssd.families.build import build_network
from gluon_ssd.options.benchmarks import (
    AmpBenchmark,
    DataBenchmark,
    DecodeBenchmark,
    DeployBenchmark,
    EvalBenchmark,
    LoaderBenchmark,
    NetworkBound,
    ScalingBenchmark,
)
from gluon_ssd.report.tables import markdown_table
from gluon_ssd.report.timing import compare
from gluon_ssd.system.files import atomic_write, ensure_directory

_log = logging.getLogger(__name__)

# Networks whose anchors the data benchmark uses: 6132 and, the most there are, 24564 at 512.
_ANCHOR_NETWORKS = {512: ("ssd_512_mobilenet1.0_voc", "ssd_512_vgg16_atrous_voc")}
_ANCHOR_NETWORKS_300 = ("ssd_300_mobilenet1.0_voc", "ssd_300_vgg16_atrous_voc")


def _data(options: DataBenchmark) -> str:
    root = Path(options.dataset_root).expanduser()
    dataset = open_dataset("voc", Selection(root, train=False, splits=options.splits))
    # GluonCV's transform cannot take an image without boxes.
    dataset = dataset.subset(i for i in range(len(dataset)) if len(dataset.annotation(i).labels))
    if len(dataset) == 0:
        raise DataError(
            f"no image under {options.dataset_root} has a box, which GluonCV's transform needs; "
            "name other --splits"
        )
    count = min(options.num_images, len(dataset))
    size = options.data_shape
    rows = []
    for name in _ANCHOR_NETWORKS.get(size, _ANCHOR_NETWORKS_300):
        anchors = build_network(name).anchors((size, size))
        samples = TrainSamples((size, size), Augmentation(), TargetMaker(anchors))
        original = original_pipeline(
            [dataset.image_path(i) for i in range(count)],
            _legacy_labels(dataset, count),
            anchors_center_px=anchors,
            size_hw=(size, size),
        )
        _log.info("measuring with %d anchors ...", len(anchors))
        measured = measure_data_pipelines(
            _sample_by_number(dataset, samples),
            original,
            num_images=count,
            repeats=options.rounds,
        )
        rows.append({"anchors": len(anchors), "size": size, **measured})
        rows[-1] |= measure_loader(_batches_by_workers(dataset, samples), (0, 1, 2))
    _write(options.output, rows)
    return markdown_table(rows)


def _sample_by_number(dataset: ListedDataset, samples: TrainSamples) -> Callable[[int], Any]:
    generator = np.random.default_rng(0)
    return lambda number: samples(dataset, number, generator)


def _batches_by_workers(
    dataset: ListedDataset, samples: TrainSamples
) -> Callable[[int], Iterator[Any]]:
    # Two batches at least: the clock starts at the first one.
    batch_size = max(1, min(16, len(dataset) // 2))

    def batches(num_workers: int) -> Iterator[Any]:
        with Loader(
            dataset, samples, batch_size=batch_size, shuffle=True, seed=0, num_workers=num_workers
        ) as loader:
            yield from loader.epoch(0)

    return batches


def _legacy_labels(dataset: ListedDataset, count: int) -> list[np.ndarray]:
    """GluonCV's rows: four corners, class, difficult."""
    annotations = [dataset.annotation(i) for i in range(count)]
    return [
        np.concatenate([a.boxes_px, a.labels[:, None], a.difficult[:, None]], 1).astype(np.float32)
        for a in annotations
    ]


def _dali(options: LoaderBenchmark) -> str:
    rows = loader_rows(options)
    _write(options.output, rows)
    return markdown_table(rows)


def _decode(options: DecodeBenchmark) -> str:
    size = int(options.network.split("_")[1])
    anchors = build_network(options.network).anchors((size, size))
    outputs = [
        np.repeat(array, options.batch_size if number < 2 else 1, axis=0)
        for number, array in enumerate(realistic_outputs(anchors, num_classes=options.num_classes))
    ]
    rows = []
    compared = layers_to_compare(*outputs, prepare=compile_block)
    compared["suppression alone"] = suppression_to_compare(*outputs)
    for start, (inputs, original, ours) in compared.items():
        _log.info("measuring %s ...", start)
        measured = measure_decode(ours, original, inputs, rounds=options.rounds)
        facts = {"start": start, "anchors": len(anchors), "classes": options.num_classes}
        rows.append({**facts, "batch": options.batch_size, **measured})
    _write(options.output, rows)
    return markdown_table(rows)


def _eval(options: EvalBenchmark) -> str:
    root = Path(options.dataset_root).expanduser()
    dataset = open_dataset("voc", Selection(root, train=False, splits=options.splits))
    if options.limit_images:
        dataset = dataset.subset(range(min(options.limit_images, len(dataset))))
    paths = [dataset.image_path(i) for i in range(len(dataset))]
    labels = _legacy_labels(dataset, len(dataset))

    def original() -> float:
        return original_evaluation(
            paths,
            labels,
            dataset.classes,
            prefix=plain_prefix(options.model_prefix),
            size=options.data_shape,
            batch_size=options.batch_size,
        )

    def ours() -> float:
        return _our_evaluation(options, dataset)

    compared = compare_evaluations(original, ours, num_images=len(dataset), rounds=options.rounds)
    _write(options.output, compared.rows())
    return markdown_table(compared.rows())


def _our_evaluation(options: EvalBenchmark, dataset: ListedDataset) -> float:
    """All that eval_ssd.py does after start-up: load, compile, start workers, predict, score."""
    size = options.data_shape
    model = deployed_model(options.model_prefix, size, device="cpu")
    samples = EvalSamples((size, size), *model.normalization)
    truth = collect_ground_truth(dataset.annotation(i) for i in range(len(dataset)))
    with Loader(
        dataset,
        samples,
        batch_size=options.batch_size,
        shuffle=False,
        seed=0,
        num_workers=options.num_workers,
        last_batch="keep",
    ) as loader:
        found = predict(model.run, loader.epoch(0), num_images=len(dataset))
    return evaluate_voc(found, truth, dataset.classes).score


def _deploy(options: DeployBenchmark) -> str:
    """An exported fp32 model as written against the same model prepared for speed."""
    size = options.data_shape
    models = [
        load_deployed(options.model_prefix, input_size_hw=(size, size), fuse=fuse)
        for fuse in (False, True)
    ]
    images = mx.nd.random.uniform(-1, 1, (options.batch_size, 3, size, size))
    compared = compare(models[0].run, models[1].run, [images], iterations=options.rounds)
    row = {
        "batch": options.batch_size,
        "as written, ms": compared.first.median_ms,
        "folded and fused, ms": compared.second.median_ms,
        "x the time": compared.ratio,
        "p10": compared.low,
        "p90": compared.high,
    }
    _write(options.output, [row])
    return markdown_table([row])


def _amp(options: AmpBenchmark) -> str:
    rows = list(precision_rows(options))
    _write(options.output, rows)
    return markdown_table(rows)


def _write(path: str, content: Any) -> None:
    if not path:
        return
    target = Path(path).expanduser()
    ensure_directory(target.parent)
    with atomic_write(target, "w") as file:
        json.dump(content, file, indent=1)


def _scaling(options: ScalingBenchmark) -> str:
    text, rows = scaling(options)
    if rows:
        _write(options.output, rows)
    return text


def _network_bound(options: NetworkBound) -> str:
    text, rows = network_bound(options)
    _write(options.output, rows)
    return text


RUN: dict[str, Callable[[Any], str]] = {
    "amp": _amp,
    "dali": _dali,
    "data": _data,
    "decode": _decode,
    "deploy": _deploy,
    "eval": _eval,
    "network-bound": _network_bound,
    "scaling": _scaling,
    "table": table,
}
