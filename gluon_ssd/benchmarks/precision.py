"""A training step and an inference in float32 and in the lower type, timed in turns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from gluon_ssd.benchmarks.training import random_batch, random_network
from gluon_ssd.commands.wiring.models import network_model
from gluon_ssd.compat import mx
from gluon_ssd.families.build import family_of
from gluon_ssd.models.interface import Network
from gluon_ssd.options.benchmarks import AmpBenchmark
from gluon_ssd.report.tables import Row
from gluon_ssd.report.timing import Comparison, compare
from gluon_ssd.system.threads import compute_threads
from gluon_ssd.training.devices import Devices
from gluon_ssd.training.optimizer import Optimizer
from gluon_ssd.training.precision.amp import (
    MixedPrecision,
    Precision,
    fastest_precision,
    low_precision,
)

_log = logging.getLogger(__name__)

_RATE = 1e-9  # the update takes its time, and leaves the weights where they are
_WARMUP = 2


def precision_rows(options: AmpBenchmark) -> list[Row]:
    """Measure; one row a network and task.

    Raises:
        EnvironmentProblem: this machine computes in float32 alone.
    """
    context = mx.gpu(0) if mx.context.num_gpus() else mx.cpu()
    mixed_type = low_precision(context)
    rows: list[Row] = []
    for name in options.network_names:
        _log.info("measuring %s ...", name)
        network = random_network(name, context)
        facts = {"network": name, "type": mixed_type, "threads": compute_threads()}
        tasks = {"training step": (options.batch_size, _training), "inference": (1, _inference)}
        for task, (batch, measure) in tasks.items():
            compared = measure(network, mixed_type, batch, options.rounds, context)
            rows.append({**facts, "task": task, "batch": batch, **_ratios(compared)})
    return rows


def _ratios(compared: Comparison) -> dict[str, float]:
    return {
        "float32, ms": compared.first.median_ms,
        "mixed, ms": compared.second.median_ms,
        "times faster": 1 / compared.ratio,
        "p10": 1 / compared.high,
        "p90": 1 / compared.low,
    }


def _training(network: Network, dtype: str, batch: int, rounds: int, context: Any) -> Comparison:
    """Forward pass, loss, backward pass and update on the same weights."""
    plain, mixed = fastest_precision(context, mixed=False), MixedPrecision(dtype)
    for precision in (plain, mixed):
        precision.convert(network, (3, *network.input_size_hw))
    arrays = random_batch(network, batch).arrays
    exact, lowered = (training_step(network, each, context) for each in (plain, mixed))
    return compare(exact, lowered, [arrays], iterations=rounds, warmup=_WARMUP)


def training_step(
    network: Network, precision: Precision, context: Any
) -> Callable[[dict[str, np.ndarray]], None]:
    """A step of training on the arrays of a batch, from forward pass to update, to its end.

    Args:
        network: initialised; its weights stay nearly the same.
        precision: what is computed in which type; one that is mixed has converted the network.
        context: the device.
    """
    optimizer = Optimizer(network, momentum=0.9, wd=5e-4)
    precision.attach(optimizer.trainer)
    devices, loss = Devices([context]), family_of(network).loss

    def step(arrays: dict[str, np.ndarray]) -> None:
        devices.forward_backward(precision.forward(network), loss, arrays, None, precision.scaled)
        optimizer.step(_RATE)
        mx.nd.waitall()

    return step


def _inference(network: Network, dtype: str, batch: int, rounds: int, context: Any) -> Comparison:
    """The exported network, folded and fused, decoding included."""
    size_hw, device = network.input_size_hw, "gpu:0" if context.device_type == "gpu" else "cpu"
    decoding = network.spec.decoding
    plain = network_model(network, decoding=decoding, input_size_hw=size_hw, device=device)
    lowered = plain.in_precision(dtype)
    images = mx.nd.random.uniform(-1, 1, (batch, 3, *size_hw), ctx=context)
    return compare(plain.run, lowered.run, [images], iterations=rounds)
