"""``eval_ssd.py --benchmark`` and its mode benchmark-inference: how fast a model is, and why."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np

from gluon_ssd.commands.evaluate import model_name
from gluon_ssd.commands.wiring.data import evaluation_set
from gluon_ssd.commands.wiring.loaders import model_loader
from gluon_ssd.data.augment.transforms import eval_transform
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.options.declare import flat_values
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.report.json_summary import JsonSummary
from gluon_ssd.report.throughput import endless, time_inference
from gluon_ssd.report.timing import DRY_RUNS, measure_latency
from gluon_ssd.system.load import LoadMeter
from gluon_ssd.system.memory import peak_mib
from gluon_ssd.system.progress import progress_bar

_log = logging.getLogger(__name__)

_MOST_BATCHES = 8  # of real images, kept in memory and taken in turn


def benchmark_lines(command: EvalCommand, model: RuntimeModel) -> Iterator[str]:
    """What to print, line by line as it becomes known.

    Random input in [-1, 1], or images of the data set, and five dry runs, as legacy does; then
    latency, memory, threads and the split between the parts. A busy machine is a warning.

    Raises:
        DataError: the data set cannot be used, or is of other classes than the model.
    """
    batch = command.batch_size(on_gpus=model.device != "cpu")
    iterations = command.benchmark.num_iterations
    is_real = command.benchmark.benchmark_data
    arrays = _real_batches(command, model, batch) if is_real else [_noise(model, batch)]
    inputs, batch = [model.place(each) for each in arrays], len(arrays[0])
    name = model_name(command)
    yield f"-----benchmarking on {name} -----"
    total, load = DRY_RUNS + iterations, LoadMeter()
    with progress_bar(total=total, unit="batch", description="benchmark") as bar:

        def run(argument: Any) -> Any:
            bar.update()
            return model.run(argument)

        latency = measure_latency(run, inputs, iterations=iterations)
    throughput = 1000 * batch / latency.mean_ms
    yield f"Inference speed on {name}, with batchsize {batch} is {throughput:.2f} img/sec"
    yield f"latency of a batch of {batch}: {latency}"
    if is_real:
        yield _load_line(model, inputs)
    yield from _split_lines(model, inputs[0], min(iterations, 30))
    yield f"peak memory {peak_mib():.0f} MiB, {model.threads} compute threads"
    if notice := load.notice():
        _log.warning("%s", notice)


def inference_lines(command: EvalCommand, model: RuntimeModel) -> Iterator[str]:
    """Time loading and the network without decoding, iteration by iteration, on the data set.

    Raises:
        DataError: the data set cannot be used, or is of other classes than the model.
        ModelError: the model does not show where its network ends.
    """
    modes, batch = command.modes, command.batch_size(on_gpus=model.device != "cpu")
    dataset = evaluation_set(command.data, model)
    with model_loader(command.data, dataset, model, batch) as loader:
        with closing(endless(loader.epoch)) as batches:
            throughput = time_inference(
                lambda images: model.run_heads(model.place(images)),
                batches,
                warmup=modes.benchmark_warmup,
                iterations=modes.benchmark_iterations,
            )
    yield from throughput.lines(training=False)
    if modes.json_summary:
        with JsonSummary(modes.json_summary) as summary:
            summary.write((), flat_values(command), kind="PARAMETER")
            summary.write((), throughput.facts())


def _noise(model: RuntimeModel, batch: int) -> np.ndarray:
    generator = np.random.default_rng()
    return 2 * generator.random((batch, 3, *model.input_size_hw), np.float32) - 1


def _real_batches(command: EvalCommand, model: RuntimeModel, batch: int) -> list[np.ndarray]:
    """The first images of the data set in full batches, smaller ones only if there are no more."""
    dataset = evaluation_set(command.data, model)
    batch = min(batch, len(dataset))
    count = min(_MOST_BATCHES, command.benchmark.num_iterations, len(dataset) // batch) * batch
    with model_loader(command.data, dataset.subset(range(count)), model, batch) as loader:
        return [loaded.arrays["image"].copy() for loaded in loader.epoch(0)]


def _load_line(model: RuntimeModel, inputs: list[Any]) -> str:
    """What the detection layer had to do for real images, and what came out."""
    ids = np.concatenate([as_numpy(model.run(images)[0]) for images in inputs])
    detections = (ids >= 0).sum(axis=(1, 2))
    line = f"{len(ids)} images of the data set: {detections.mean():.1f} detections an image"
    counts = [model.count_candidates(images) for images in inputs]
    known = [count for count in counts if count is not None]
    if not known:
        return line
    candidates = np.concatenate(known)
    return (
        f"{line}, of {candidates.mean():.1f} candidates that enter suppression "
        f"({candidates.min()} to {candidates.max()})"
    )


def _split_lines(model: RuntimeModel, images: Any, iterations: int) -> Iterator[str]:
    """Where the time goes: pre-processing of one picture, network, decoding."""
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    prepare = measure_latency(
        lambda _: eval_transform(picture, model.input_format), [None], iterations=iterations
    )
    yield f"pre-processing of one 640x480 picture (resize, normalise): {prepare}"
    if not model.can_split:
        yield "network and decoding cannot be told apart in this symbol"
        return
    predictions = model.run_heads(images)
    heads = measure_latency(model.run_heads, [images], iterations=iterations)
    decode = measure_latency(model.run_decode, [predictions], iterations=iterations)
    share = decode.median_ms / (decode.median_ms + heads.median_ms)
    yield f"network: {heads}"
    yield f"decoding and suppression: {decode} ({share:.1%} of network and decoding)"
