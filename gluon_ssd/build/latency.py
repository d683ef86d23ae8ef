"""``eval_ssd.py --benchmark``: how fast a model is on random input, and where the time goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from tqdm import tqdm

from gluon_ssd.build.networks import Model
from gluon_ssd.compat import mx
from gluon_ssd.data.transforms import eval_transform
from gluon_ssd.options_eval import EvalCommand
from gluon_ssd.report.benchmark import (
    DRY_RUNS,
    compute_threads,
    measure_latency,
    peak_memory_mib,
)


def benchmark_lines(command: EvalCommand, model: Model) -> Iterator[str]:
    """What to print, line by line as it becomes known.

    Random input in [-1, 1] and five dry runs, as legacy does; then latency, memory, threads and
    the split between the parts.
    """
    batch = command.batch_size(on_gpus=model.on_gpu)
    iterations = command.benchmark.num_iterations
    yield f"-----benchmarking on {model.name} -----"
    context = model.deployed.ctx
    images = mx.nd.random.uniform(-1, 1, (batch, 3, model.size, model.size), ctx=context)
    with tqdm(total=DRY_RUNS + iterations, desc="benchmark", unit="batch", disable=None) as bar:

        def run(argument: Any) -> Any:
            bar.update()
            return model.deployed.run(argument)

        latency = measure_latency(run, [images], iterations=iterations)
    throughput = 1000 * batch / latency.mean_ms
    yield f"Inference speed on {model.name}, with batchsize {batch} is {throughput:.2f} img/sec"
    yield f"latency of a batch of {batch}: {latency}"
    yield from _split_lines(model, images, min(iterations, 30))
    yield f"peak memory {peak_memory_mib():.0f} MiB, {compute_threads()} compute threads"


def _split_lines(model: Model, images: Any, iterations: int) -> Iterator[str]:
    """Where the time goes: pre-processing of one picture, network, decoding."""
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    prepare = measure_latency(
        lambda _: eval_transform(
            picture, size_hw=(model.size, model.size), mean=model.mean, std=model.std
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
