"""``eval_ssd.py --benchmark``: how fast a model is, and where the time goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gluon_ssd.commands.wiring.data import evaluation_loader, evaluation_set
from gluon_ssd.commands.wiring.models import Model
from gluon_ssd.compat import mx
from gluon_ssd.data.augment.transforms import eval_transform
from gluon_ssd.deploy.mxnet.candidate_count import CandidateCounter
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.report.timing import DRY_RUNS, compute_threads, measure_latency, peak_memory_mib
from gluon_ssd.system.progress import progress_bar

_MOST_BATCHES = 8  # of real images, kept in memory and taken in turn


def benchmark_lines(command: EvalCommand, model: Model) -> Iterator[str]:
    """What to print, line by line as it becomes known.

    Random input in [-1, 1], or images of the data set, and five dry runs, as legacy does; then
    latency, memory, threads and the split between the parts.

    Raises:
        DataError: the data set cannot be used, or is of other classes than the model.
    """
    batch = command.batch_size(on_gpus=model.on_gpu)
    iterations = command.benchmark.num_iterations
    is_real = command.benchmark.benchmark_data
    inputs = _real_batches(command, model, batch) if is_real else [_noise(model, batch)]
    batch = len(inputs[0])
    yield f"-----benchmarking on {model.name} -----"
    total = DRY_RUNS + iterations
    with progress_bar(total=total, unit="batch", description="benchmark") as bar:

        def run(argument: Any) -> Any:
            bar.update()
            return model.deployed.run(argument)

        latency = measure_latency(run, inputs, iterations=iterations)
    throughput = 1000 * batch / latency.mean_ms
    yield f"Inference speed on {model.name}, with batchsize {batch} is {throughput:.2f} img/sec"
    yield f"latency of a batch of {batch}: {latency}"
    if is_real:
        yield _load_line(model, inputs)
    yield from _split_lines(model, inputs[0], min(iterations, 30))
    yield f"peak memory {peak_memory_mib():.0f} MiB, {compute_threads()} compute threads"


def _noise(model: Model, batch: int) -> Any:
    shape = (batch, 3, model.size, model.size)
    return mx.nd.random.uniform(-1, 1, shape, ctx=model.deployed.ctx)


def _real_batches(command: EvalCommand, model: Model, batch: int) -> list[Any]:
    """The first images of the data set in full batches, smaller ones only if there are no more."""
    dataset = evaluation_set(command.data, model.classes, model.deployed.num_classes)
    batch = min(batch, len(dataset))
    count = min(_MOST_BATCHES, command.benchmark.num_iterations, len(dataset) // batch) * batch
    loader = evaluation_loader(
        command.data,
        dataset.subset(range(count)),
        batch_size=batch,
        input_size_hw=(model.size, model.size),
        normalization=(model.mean, model.std),
    )
    with loader:
        return [
            mx.nd.array(loaded.arrays["image"], ctx=model.deployed.ctx)
            for loaded in loader.epoch(0)
        ]


def _load_line(model: Model, inputs: list[Any]) -> str:
    """What the detection layer had to do for real images, and what came out."""
    ids = np.concatenate([model.deployed.run(images)[0].asnumpy() for images in inputs])
    detections = (ids >= 0).sum(axis=(1, 2))
    line = f"{len(ids)} images of the data set: {detections.mean():.1f} detections an image"
    counter = CandidateCounter(model.deployed)
    if not counter.knows:
        return line
    candidates = np.concatenate([counter.count(images) for images in inputs])
    return (
        f"{line}, of {candidates.mean():.1f} candidates that enter suppression "
        f"({candidates.min()} to {candidates.max()})"
    )


def _split_lines(model: Model, images: Any, iterations: int) -> Iterator[str]:
    """Where the time goes: pre-processing of one picture, network, decoding."""
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    prepare = measure_latency(
        lambda _: eval_transform(
            picture, input_size_hw=(model.size, model.size), mean=model.mean, std=model.std
        ),
        [None],
        iterations=iterations,
    )
    yield f"pre-processing of one 640x480 picture (resize, normalise): {prepare}"
    if not model.deployed.can_split:
        yield "network and decoding cannot be told apart in this symbol"
        return
    predictions = model.deployed.run_heads(images)
    heads = measure_latency(model.deployed.run_heads, [images], iterations=iterations)
    decode = measure_latency(model.deployed.run_decode, [predictions], iterations=iterations)
    share = decode.median_ms / (decode.median_ms + heads.median_ms)
    yield f"network: {heads}"
    yield f"decoding and suppression: {decode} ({share:.1%} of network and decoding)"
