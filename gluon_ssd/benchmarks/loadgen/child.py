"""The process in which LoadGen runs: it cannot be stopped, so Ctrl-C ends the whole process."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.benchmarks.loadgen.answers import encode_answers, read_answers
from gluon_ssd.benchmarks.loadgen.library import (
    RunSettings,
    import_loadgen,
    milliseconds,
    read_summary,
    run_loadgen,
)
from gluon_ssd.benchmarks.loadgen.samples import Floats, SampleLibrary
from gluon_ssd.benchmarks.peer import serve
from gluon_ssd.commands.wiring.data import evaluation_set
from gluon_ssd.commands.wiring.loaders import model_loader
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.deploy.runtime import find_runtime, load_detector
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.deploy.told import Told
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.inference.metrics import make_score
from gluon_ssd.options.benchmark_loadgen import LoadgenOptions
from gluon_ssd.options.shared import DataOptions, told_preprocessing

_READ_BATCH = 8
_TRIAL_CALLS = 5
_SHARE_OF_RATE = 0.75  # of what a trial gives; random arrivals queue up long before all of it


class LoadgenBench:
    """One detector; requests are calls of its methods."""

    def run(self, *, loadgen: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Run one scenario.

        Args:
            loadgen: fields of `LoadgenOptions`.
            data: fields of `DataOptions`.

        Returns:
            "summary", LoadGen's results by name; "mAP", None in performance mode; "settings".

        Raises:
            SsdError: the detector or the data set cannot be used, or LoadGen is not installed.
        """
        import_loadgen()
        options, given = LoadgenOptions(**loadgen), DataOptions(**data)
        return run_scenario(options, given, _model(options))


def run_scenario(options: LoadgenOptions, data: DataOptions, model: RuntimeModel) -> dict[str, Any]:
    """As `LoadgenBench.run`, with a detector that is loaded."""
    dataset = evaluation_set(data, model)
    sizes_hw: dict[int, tuple[int, int]] = {}
    samples = SampleLibrary(lambda numbers: _read(data, dataset, model, numbers, sizes_hw))

    def detect(numbers: Sequence[int]) -> list[bytes]:
        outputs = model.run(model.place(samples.batch(numbers)))
        arrays = [as_numpy(output) for output in outputs]
        return encode_answers(numbers, arrays, model.input_size_hw)

    folder = Path(options.output).expanduser()
    settings = _settings(options, dataset, model, samples)
    run_loadgen(settings, detect, samples, folder)
    score = None
    if settings.measures_accuracy:
        log = _accuracy_log(folder)
        every = [sizes_hw[number] for number in range(len(dataset))]
        found = read_answers(log, every, model.input_size_hw)
        score = make_score(dataset, options.metric)(found).score
    summary = {} if settings.measures_accuracy else read_summary(_log_file(folder, "summary.txt"))
    return {"summary": milliseconds(summary), "mAP": score, "settings": vars(settings)}


def _model(options: LoadgenOptions) -> RuntimeModel:
    find_runtime(options.model_prefix, options.backend).check_dtype(
        options.dtype, "cpu", f"--dtype {options.dtype}"
    )
    model = load_detector(
        options.model_prefix,
        input_size_hw=(options.data_shape, options.data_shape),
        told=Told(told_preprocessing(options.preprocessing, options.mean_rgb)),
        backend=options.backend,
        threads=options.threads,
        streams=options.streams,
    )
    return model if options.dtype == "float32" else model.in_precision(options.dtype)


def _read(
    data: DataOptions,
    dataset: ListedDataset,
    model: RuntimeModel,
    numbers: Sequence[int],
    sizes_hw: dict[int, tuple[int, int]],
) -> Floats:
    """Read images, and note their sizes."""
    images = np.empty((len(numbers), 3, *model.input_size_hw), np.float32)
    with model_loader(data, dataset.subset(numbers), model, _READ_BATCH) as loader:
        for batch in loader.epoch(0):
            images[batch.indices] = batch.arrays["image"]
            for place, (height, width) in zip(batch.indices, batch.arrays["size_hw"], strict=True):
                sizes_hw[numbers[int(place)]] = int(height), int(width)
    return images


def _settings(
    options: LoadgenOptions, dataset: ListedDataset, model: RuntimeModel, samples: SampleLibrary
) -> RunSettings:
    """Times that nobody gave are those of a short trial with the first images."""
    in_memory = min(options.performance_count, len(dataset))
    workers = max(1, options.streams)
    first = list(range(min(options.batch_size, len(dataset))))
    samples.load(first)
    latency_s, rate = _trial(model, samples.batch(first), workers)
    samples.unload(first)
    if options.scenario == "Server":
        rate *= _SHARE_OF_RATE
    return RunSettings(
        scenario=options.scenario,
        measures_accuracy=options.mode == "accuracy",
        num_images=len(dataset),
        in_memory=in_memory,
        min_duration_s=options.min_duration,
        min_queries=options.min_queries,
        latency_s=latency_s,
        rate=options.target_qps or rate,
        limit_s=options.target_latency / 1000,
        workers=workers,
        batch_size=options.batch_size,
    )


def _trial(model: RuntimeModel, batch: Floats, workers: int) -> tuple[float, float]:
    """Seconds of one image, and images a second when all workers run batches."""

    def run(images: Floats) -> float:
        start = time.perf_counter()
        for output in model.run(model.place(images)):
            as_numpy(output)
        return time.perf_counter() - start

    run(batch)
    latency_s = min(run(batch[:1]) for _ in range(_TRIAL_CALLS))
    calls = _TRIAL_CALLS * workers
    with ThreadPoolExecutor(workers) as pool:
        start = time.perf_counter()
        list(pool.map(run, [batch] * calls))
        return latency_s, calls * len(batch) / (time.perf_counter() - start)


def _log_file(folder: Path, name: str) -> Path:
    """A log of LoadGen. Raises EnvironmentProblem when it was not written."""
    path = folder / f"mlperf_log_{name}"
    if not path.is_file():
        raise EnvironmentProblem(f"LoadGen did not write {path}")
    return path


def _accuracy_log(folder: Path) -> list[dict[str, Any]]:
    path = _log_file(folder, "accuracy.json")
    try:
        log: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EnvironmentProblem(f"LoadGen's {path} is not whole: {error}") from error
    return log


def answer(connection_number: int) -> None:
    """Serve a `Peer`."""
    serve(LoadgenBench(), connection_number)
