"""``eval_ssd.py --benchmark``: how fast a model is on random input, and where the time goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from tqdm import tqdm

from gluon_ssd.build.networks import Model
from gluon_ssd.compat import mx
from gluon_ssd.data.transforms import eval_transform
from gluon_ssd.options import EvalCommand
from gluon_ssd.report.benchmark import (
    DRY_RUNS,
    compute_threads,
    finish,
    measure_latency,
    peak_memory_mib,
)


def benchmark_model(command: EvalCommand, model: Model) -> str:
    """``eval_ssd.py --benchmark``: legacy lines, then latency, memory, threads and the split.

    Random input in [-1, 1], five dry runs. The throughput counts the wall time of all iterations
    together, as legacy does; latencies are those of single iterations, each waited for.
    """
    batch, iterations = command.batch_size, command.benchmark.num_iterations
    print(f"-----benchmarking on {model.name} -----", flush=True)
    context = model.deployed.ctx
    images = mx.nd.random.uniform(-1, 1, (batch, 3, model.size, model.size), ctx=context)
    run = model.deployed.run
    for _ in range(DRY_RUNS):
        finish(run(images))
    bar = tqdm(range(iterations), desc="benchmark", unit="batch", disable=None)
    latency = measure_latency(lambda _: run(images), list(bar), iterations=iterations, warmup=0)
    throughput = 1000 * batch / latency.mean_ms
    lines = [
        f"Inference speed on {model.name}, with batchsize {batch} is {throughput:.2f} img/sec",
        f"latency of a batch of {batch}: {latency}",
        *_split_lines(model, images, batch, min(iterations, 30)),
        f"peak memory {peak_memory_mib():.0f} MiB, {compute_threads()} compute threads",
    ]
    return "\n".join(lines)


def _split_lines(model: Model, images: Any, batch: int, iterations: int) -> Iterator[str]:
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
