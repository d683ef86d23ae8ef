"""``benchmark_ssd.py table``: options -> networks in four forms, their speeds, and the files."""

from __future__ import annotations

import gc
import logging
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.benchmarks.table_plot import draw_table
from gluon_ssd.benchmarks.table_rows import ModelTimes, Run, as_json, table_text, time_in_turns
from gluon_ssd.benchmarks.table_subjects import (
    Source,
    exported_source,
    forms_of,
    network_source,
    random_images,
)
from gluon_ssd.commands.wiring.data import evaluation_set
from gluon_ssd.commands.wiring.loaders import evaluation_loader
from gluon_ssd.compat import mx
from gluon_ssd.data.class_names import VOC_CLASSES
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.evaluation.detections import collect_ground_truth
from gluon_ssd.evaluation.predict import predict
from gluon_ssd.evaluation.voc_map import evaluate_voc
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.options.benchmarks import TableBenchmark
from gluon_ssd.options.shared import DataOptions
from gluon_ssd.report.timing import measure_latency
from gluon_ssd.system.files import atomic_write, ensure_directory, ensure_writable, write_json
from gluon_ssd.system.progress import progress_bar
from gluon_ssd.system.threads import compute_threads, instruction_set

_log = logging.getLogger(__name__)

_RANDOM_CALIBRATION = 4  # noise has the same range in every image
_LATENCY_CALLS = 3
_DECODE_CALLS = 40
_SCORE_BATCH = 8
_STEPS = 5  # fp32 forms, int8 forms, one image, a batch, scores


def table(options: TableBenchmark) -> str:
    """Measure all networks, one after the other; returns Markdown.

    Raises:
        SsdError: one line about weights, data or a file that cannot be used; said before any
            measurement where it can be known by then.
    """
    places = _places(options.output)
    for path in places:
        ensure_writable(path)
    dataset = _dataset(options) if options.dataset_root else None
    sources = [network_source(n, options.weight_files.get(n, "")) for n in options.network_names]
    sources += [exported_source(prefix) for prefix in options.model_prefixes]
    measured = []
    total = _STEPS * len(sources)
    with progress_bar(total=total, unit="step", description="table", every_s=10.0) as bar:
        while sources:
            measured.append(_measure(sources.pop(0), options, dataset, bar))
            gc.collect()  # four networks of one kind are enough in memory
    text = table_text(measured, facts=_facts(), instructions=instruction_set())
    _write(places, measured, text)
    return text


def _places(output: str) -> tuple[Path, ...]:
    """The JSON file, and the Markdown and PNG files beside it; nothing without `output`."""
    if not output:
        return ()
    target = Path(output).expanduser()
    ensure_directory(target.parent)
    return target, target.with_suffix(".md"), target.with_suffix(".png")


def _dataset(options: TableBenchmark) -> ListedDataset:
    given = DataOptions(
        dataset="voc",
        dataset_root=options.dataset_root,
        splits=options.splits,
        limit_images=options.limit_images,
    )
    of_voc = DetectorFacts()
    of_voc.record = ModelRecord("any", VOC_CLASSES, (300, 300))
    of_voc.num_classes = len(VOC_CLASSES)
    return evaluation_set(given, of_voc)


def _measure(
    source: Source, options: TableBenchmark, dataset: ListedDataset | None, bar: Any
) -> ModelTimes:
    done = bar.n

    def step(what: str) -> None:
        nonlocal done
        bar.update(done - bar.n)
        bar.set_description(f"{source.name}: {what}")
        done += 1

    calibration = _calibration_images(source, options, dataset)
    runs, int8 = forms_of(source, calibration, step)
    images = random_images(source.input_format.size_hw, options.batch_size, seed=1)
    single = images[:1].copy()
    step("one image")
    latency = time_in_turns(runs, single, seconds=options.seconds, calls=_LATENCY_CALLS)
    decoding = measure_latency(int8.run_decode, [int8.run_heads(single)], iterations=_DECODE_CALLS)
    step(f"{options.batch_size} images")
    throughput = time_in_turns(runs, images, seconds=options.seconds)
    step("scores")
    scores = {}
    if dataset is not None and source.has_weights:
        scores = _scores(source, runs, dataset, options)
    bar.update(done - bar.n)
    return ModelTimes(source.name, source.weights, latency, throughput, decoding.median_ms, scores)


def _calibration_images(
    source: Source, options: TableBenchmark, dataset: ListedDataset | None
) -> np.ndarray:
    if dataset is None:
        return random_images(source.input_format.size_hw, _RANDOM_CALIBRATION, seed=0).asnumpy()
    count = min(options.calib_images, len(dataset))
    with _loader(source, dataset.subset(range(count)), count, num_workers=0) as loader:
        return np.concatenate([batch.arrays["image"].copy() for batch in loader.epoch(0)])


def _loader(source: Source, dataset: ListedDataset, batch_size: int, *, num_workers: int) -> Loader:
    return evaluation_loader(
        DataOptions(num_workers=num_workers),
        dataset,
        batch_size=batch_size,
        input_format=source.input_format,
    )


def _scores(
    source: Source, runs: dict[str, Run], dataset: ListedDataset, options: TableBenchmark
) -> dict[str, float]:
    """VOC07 mean average precision of every form on the same images."""
    truth = collect_ground_truth(dataset.annotation(i) for i in range(len(dataset)))

    def score(run: Run, loader: Loader) -> float:
        # GluonCV's objects take MXNet arrays alone.
        found = predict(
            lambda images: run(mx.nd.array(images)), loader.epoch(0), num_images=len(dataset)
        )
        return evaluate_voc(found, truth, dataset.classes).score

    with _loader(source, dataset, _SCORE_BATCH, num_workers=options.num_workers) as loader:
        return {form: score(run, loader) for form, run in runs.items()}


def _facts() -> str:
    threads = compute_threads()
    return (
        f"Measured in turns in one process, both sides with {threads} compute "
        f"thread{'s' * (threads > 1)} and int8 instructions: {instruction_set()}. Medians; "
        '"times faster" is the original\'s time over ours within one turn: the median, p10 and p90 '
        "of all turns. "
        "The input is noise."
    )


def _write(places: tuple[Path, ...], measured: list[ModelTimes], text: str) -> None:
    if not places:
        return
    numbers, words, picture = places
    facts = {"threads": compute_threads(), "instructions": instruction_set()}
    write_json(numbers, {**facts, "models": as_json(measured)})
    with atomic_write(words, "w") as file:
        file.write(text)
    draw_table(measured, picture)
    _log.info("wrote %s", ", ".join(map(str, places)))
