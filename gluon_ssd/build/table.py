"""``benchmark_ssd.py table``: options -> networks in four forms, their speeds, and the files."""

from __future__ import annotations

import gc
import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.build.data import evaluation_loader, evaluation_set
from gluon_ssd.build.networks import NmsSettings, export_network_as
from gluon_ssd.compat import mx
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.deploy.export import write_pair
from gluon_ssd.deploy.quantize import prepare_detector, quantize_prepared
from gluon_ssd.deploy.runtime import DeployedModel, load_deployed
from gluon_ssd.evaluation.boxsets import collect_ground_truth
from gluon_ssd.evaluation.predict import predict
from gluon_ssd.evaluation.voc_map import evaluate_voc
from gluon_ssd.files import atomic_write, ensure_directory, ensure_writable
from gluon_ssd.models import build_network
from gluon_ssd.models.init import initialize
from gluon_ssd.models.weights import load_parameters
from gluon_ssd.models.zoo import SsdNetwork
from gluon_ssd.names import VOC_CLASSES
from gluon_ssd.options import DataOptions
from gluon_ssd.options_tools import TableBenchmark
from gluon_ssd.progress import progress_bar
from gluon_ssd.report.benchmark import compute_threads, measure_latency
from gluon_ssd.report.original_network import original_int8, original_network
from gluon_ssd.report.table_benchmark import (
    FORMS,
    ModelTimes,
    Run,
    as_json,
    table_text,
    take_turns,
)
from gluon_ssd.report.table_plot import draw_table
from gluon_ssd.threads import instruction_set

_log = logging.getLogger(__name__)

_NMS: NmsSettings = (0.45, 400, 100)
_RANDOM_CALIBRATION = 4  # noise has the same range in every image
_LATENCY_CALLS = 3
_DECODE_CALLS = 40
_SCORE_BATCH = 8


@dataclass(frozen=True)
class _Subject:
    """One network in its four forms.

    Attributes:
        network: where its weights, classes and normalisation are.
        runs: form -> callable of a batch.
        int8: our int8 form.
    """

    network: SsdNetwork
    runs: dict[str, Run]
    int8: DeployedModel


def table(options: TableBenchmark) -> str:
    """Measure all networks, one after the other; returns Markdown.

    Raises:
        SsdError: one line about weights, data or a file that cannot be used; said before any
            measurement where it can be known by then.
    """
    places = _places(options.output)
    names, measured = options.network_names, []
    for path in places:
        ensure_writable(path)
    networks = {name: _network(name, options.weight_files.get(name, "")) for name in names}
    dataset = _dataset(options) if options.dataset_root else None
    steps = 5 * len(names)
    with progress_bar(total=steps, unit="step", description="table", every_s=10.0) as bar:
        for name in names:
            weights = options.weight_files.get(name, "")
            with _subject(networks.pop(name), options, dataset, bar) as subject:
                measured.append(_measure(subject, options, weights, bar))
                if dataset is not None and weights:
                    bar.set_description(f"{name}: scores")
                    measured[-1].scores.update(_scores(subject, dataset, options))
                bar.update()
            gc.collect()
    text = table_text(measured, facts=_facts(options), instructions=instruction_set())
    _write(places, measured, text)
    return text


def _places(output: str) -> tuple[Path, ...]:
    """The JSON file, and the Markdown and PNG files beside it; nothing without `output`."""
    if not output:
        return ()
    target = Path(output).expanduser()
    ensure_directory(target.parent)
    return target, target.with_suffix(".md"), target.with_suffix(".png")


def _network(name: str, weights: str) -> SsdNetwork:
    network = build_network(name)
    initialize(network)
    if weights:
        load_parameters(network, weights)
    return network


def _dataset(options: TableBenchmark) -> ListedDataset:
    given = DataOptions(
        dataset="voc",
        dataset_root=options.dataset_root,
        splits=options.splits,
        limit_images=options.limit_images,
    )
    return evaluation_set(given, VOC_CLASSES, len(VOC_CLASSES))


@contextmanager
def _subject(
    network: SsdNetwork, options: TableBenchmark, dataset: ListedDataset | None, bar: Any
) -> Iterator[_Subject]:
    """Build the four forms; their files go when the measurement is over."""
    name, size = network.name, network.input_size_hw[0]
    images = _calibration_images(network, options, dataset)
    with tempfile.TemporaryDirectory(prefix="gluon_ssd-") as folder:
        weights, plain, small = (str(Path(folder) / part) for part in ("w.params", "f32", "s8"))
        bar.set_description(f"{name}: fp32 forms")
        network.save_parameters(weights)
        original = original_network(name, weights, nms=_NMS)
        export_network_as(network, plain, nms=_NMS, size=size, fused=False)
        bar.update()
        bar.set_description(f"{name}: int8 forms")
        prepared = prepare_detector(plain)
        write_pair(*quantize_prepared(prepared, [images], mode="naive"), small, prepared.saved)
        int8 = load_deployed(small)
        # One pass with a float network first: quantising starts from what it has traced.
        original(mx.nd.array(images[:1]))
        runs = (original, load_deployed(plain).run, original_int8(original, images), int8.run)
        bar.update()
        yield _Subject(network, dict(zip(FORMS, runs, strict=True)), int8)


def _calibration_images(
    network: SsdNetwork, options: TableBenchmark, dataset: ListedDataset | None
) -> np.ndarray:
    height, width = network.input_size_hw
    if dataset is None:
        rng = np.random.default_rng(0)
        shape = (_RANDOM_CALIBRATION, 3, height, width)
        return rng.uniform(-2, 2, shape).astype(np.float32)
    count = min(options.calib_images, len(dataset))
    loader = evaluation_loader(
        DataOptions(num_workers=0),
        dataset.subset(range(count)),
        batch_size=count,
        size=height,
        normalization=(network.mean, network.std),
    )
    with loader:
        return np.concatenate([batch.arrays["image"].copy() for batch in loader.epoch(0)])


def _measure(subject: _Subject, options: TableBenchmark, weights: str, bar: Any) -> ModelTimes:
    network, int8 = subject.network, subject.int8
    rng = np.random.default_rng(1)
    images = mx.nd.array(rng.uniform(-2, 2, (options.batch_size, 3, *network.input_size_hw)))
    single = images[:1].copy()
    bar.set_description(f"{network.name}: one image")
    latency = take_turns(subject.runs, single, seconds=options.seconds, calls=_LATENCY_CALLS)
    decoding = measure_latency(int8.run_decode, [int8.run_heads(single)], iterations=_DECODE_CALLS)
    bar.update()
    bar.set_description(f"{network.name}: {options.batch_size} images")
    throughput = take_turns(subject.runs, images, seconds=options.seconds)
    bar.update()
    return ModelTimes(
        network.name,
        f"weights of {Path(weights).name}" if weights else "random weights",
        latency,
        throughput,
        decoding.median_ms,
    )


def _scores(subject: _Subject, dataset: ListedDataset, options: TableBenchmark) -> dict[str, float]:
    """VOC07 mean average precision of every form on the same images."""
    network = subject.network
    truth = collect_ground_truth(dataset.annotation(i) for i in range(len(dataset)))
    loader = evaluation_loader(
        DataOptions(num_workers=options.num_workers),
        dataset,
        batch_size=_SCORE_BATCH,
        size=network.input_size_hw[0],
        normalization=(network.mean, network.std),
    )
    scores = {}
    with loader:
        for form, run in subject.runs.items():
            found = predict(_on_arrays(run), loader.epoch(0), num_images=len(dataset))
            scores[form] = evaluate_voc(found, truth, dataset.classes).score
    return scores


def _on_arrays(run: Run) -> Run:
    """GluonCV's objects take MXNet arrays alone."""
    return lambda images: run(mx.nd.array(images))


def _facts(options: TableBenchmark) -> str:
    threads = compute_threads()
    return (
        f"Measured in turns in one process, both sides with {threads} compute "
        f"thread{'s' * (threads > 1)} and int8 instructions: {instruction_set()}. Medians; "
        '"times faster" is the original\'s time over ours, p10 and p90 of single turns. '
        "The input is noise."
    )


def _write(places: tuple[Path, ...], measured: list[ModelTimes], text: str) -> None:
    if not places:
        return
    numbers, words, picture = places
    facts = {"threads": compute_threads(), "instructions": instruction_set()}
    with atomic_write(numbers, "w") as file:
        json.dump({**facts, "models": as_json(measured)}, file, indent=1)
    with atomic_write(words, "w") as file:
        file.write(text)
    draw_table(measured, picture)
    _log.info("wrote %s", ", ".join(map(str, places)))
