"""Options -> how well training scales over processes: measured on this machine, and on paper."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.benchmarks.network_bound import exchange_seconds, limit_images_per_second
from gluon_ssd.commands.wiring.devices import devices
from gluon_ssd.compat import mx
from gluon_ssd.data.class_names import VOC_CLASSES
from gluon_ssd.data.loading.loader import Batch
from gluon_ssd.errors import OptionError
from gluon_ssd.families.build import build_network, family_of
from gluon_ssd.families.catalog import SPECS, network_names, spec_of
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.models.interface import Network
from gluon_ssd.options.benchmarks import NetworkBound, ScalingBenchmark
from gluon_ssd.report.tables import markdown_table
from gluon_ssd.training.devices import Devices
from gluon_ssd.training.loop import Learner, train_one_epoch
from gluon_ssd.training.optimizer import Optimizer
from gluon_ssd.training.team.horovod import HorovodTeam
from gluon_ssd.training.team.team import Team
from gluon_ssd.training.weight_watch import WeightWatch

_log = logging.getLogger(__name__)

_POSITIVES = 30  # anchors of an image that match a box; the usual number of a VOC image
_PROCESSES = (8, 64, 512)
_LINKS_GBIT = (10, 25, 100)


def gradient_bytes(network: Network) -> int:
    """Bytes that each process adds up with the others in every step, as float32."""
    parameters = network.collect_params().values()
    if any(parameter.shape is None or 0 in parameter.shape for parameter in parameters):
        network.infer_shape(mx.nd.zeros((1, 3, *network.input_size_hw)))
    return sum(4 * int(np.prod(p.shape)) for p in parameters if p.grad_req != "null")


def scaling(options: ScalingBenchmark) -> tuple[str, list[dict[str, Any]]]:
    """Measure one process, processes that do not talk, and the team, in turns.

    Returns:
        The table and its rows; both are empty on all processes but the leading one.

    Raises:
        OptionError: there is only one process.
    """
    team = HorovodTeam(fp16_gradients=options.fp16_allreduce)
    if team.size < 2:
        raise OptionError(
            "scaling needs several processes; start it with: horovodrun -np 2 --gloo "
            "python scripts/benchmark_ssd.py scaling"
        )
    context = devices((team.local_rank,), "scaling")[0]
    if context.device_type == "cpu":
        _stay_on_one_core(team.local_rank)
    network = _network(options.network)
    initialize(network, [context], 0)
    network.hybridize(static_alloc=True, static_shape=True)
    batch = _random_batch(network, options.batch_size, seed=team.rank)
    alone, together = (_learner(network, context, t) for t in (Team(), team))
    seconds = _measure(options, team, alone, together, batch)
    if team.rank != 0:
        return "", []
    row = _summary(options, seconds, team.size, gradient_bytes(network))
    return markdown_table([{"": key, "value": value} for key, value in row.items()]), [row]


def _network(name: str) -> Network:
    """A network by name; one for a data set of one's own gets as many classes as VOC has."""
    return build_network(name, classes=spec_of(name).classes or VOC_CLASSES)


def _stay_on_one_core(local_rank: int) -> None:
    """Bind every thread of this process to the core of its local rank."""
    cores = sorted(os.sched_getaffinity(0))
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), {cores[local_rank % len(cores)]})


def _random_batch(network: Network, size: int, *, seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    side = network.input_size_hw[0]
    count = len(network.anchors((side, side)))
    class_targets = np.zeros((size, count), np.int32)
    for row in class_targets:
        row[rng.choice(count, _POSITIVES, replace=False)] = 1
    arrays = {
        "image": rng.normal(size=(size, 3, side, side)).astype(np.float32),
        "class_targets": class_targets,
        "box_targets": np.zeros((size, count, 4), np.float32),
    }
    return Batch(arrays, np.arange(size))


def _learner(network: Network, context: Any, team: Team) -> Learner:
    optimizer = Optimizer(network, momentum=0.9, wd=0.0005, team=team)
    watch = WeightWatch(network)
    return Learner(network, Devices([context]), family_of(network).loss, optimizer, watch, 1, team)


def _steps(learner: Learner, batch: Batch, count: int) -> float:
    """Seconds of some steps of the real loop, the last update included."""
    mx.nd.waitall()
    started_s = time.perf_counter()
    train_one_epoch(
        learner,
        [batch] * count,
        epoch=0,
        rate=lambda _: 1e-6,
        on_step=lambda _: None,
        image_names=lambda indices: [str(index) for index in indices],
    )
    mx.nd.waitall()
    return time.perf_counter() - started_s


def _exchange(learner: Learner, batch: Batch) -> float:
    """Seconds of adding up gradients that are all there, so that nothing hides it."""
    learner.devices.forward_backward(learner.network, learner.loss, batch.arrays)
    mx.nd.waitall()
    learner.team.total(np.zeros(1))
    started_s = time.perf_counter()
    learner.optimizer.trainer.allreduce_grads()
    mx.nd.waitall()
    return time.perf_counter() - started_s


def _measure(
    options: ScalingBenchmark, team: Team, alone: Learner, together: Learner, batch: Batch
) -> dict[str, np.ndarray]:
    """Seconds a step of each way: float64 (rounds, processes); one process has one column."""

    def meet() -> None:
        team.total(np.zeros(1))

    def timed(run: Callable[[], float]) -> np.ndarray:
        meet()
        own = run()
        return team.gather(np.array([own]))

    steps = options.steps
    ways: dict[str, Callable[[], float]] = {
        "one": lambda: _steps(alone, batch, steps) / steps if team.rank == 0 else 0.0,
        "apart": lambda: _steps(alone, batch, steps) / steps,
        "together": lambda: _steps(together, batch, steps) / steps,
        "exchange": lambda: _exchange(together, batch),
    }
    seconds: dict[str, list[np.ndarray]] = {way: [] for way in ways}
    for number in range(options.rounds + 1):
        if team.rank == 0:
            _log.info("round %d of %d ...", number, options.rounds)
        for way, run in ways.items():
            measured = timed(run)
            if number:  # the first round compiles and warms up
                seconds[way].append(measured)
    return {way: np.array(rows) for way, rows in seconds.items()}


def _spread(values: np.ndarray) -> str:
    low, median, high = np.percentile(values, [10, 50, 90])
    return f"{median:.3g} ({low:.3g} to {high:.3g})"


def _summary(
    options: ScalingBenchmark, seconds: dict[str, np.ndarray], size: int, num_bytes: int
) -> dict[str, Any]:
    """Medians over rounds, with their 10th and 90th percentiles."""
    one = options.batch_size / seconds["one"][:, 0]
    apart = (options.batch_size / seconds["apart"]).sum(axis=1)
    together = options.batch_size * size / seconds["together"].max(axis=1)
    exchange_ms = 1000 * seconds["exchange"].max(axis=1)
    exposed_ms = 1000 * (seconds["together"].max(axis=1) - seconds["apart"].max(axis=1))
    return {
        "network": options.network,
        "images a step and process": options.batch_size,
        "processes": size,
        "gradients, MB a step": round(num_bytes / 1e6, 1),
        "images/s, one process": _spread(one),
        f"images/s, {size} that do not talk": _spread(apart),
        f"images/s, {size} with Horovod": _spread(together),
        "efficiency": _spread(together / (size * one)),
        "efficiency against those that do not talk": _spread(together / apart),
        "all-reduce of a step by itself, ms": _spread(exchange_ms),
        "what a step takes longer by it, ms": _spread(exposed_ms),
        "step, ms": _spread(1000 * seconds["together"].max(axis=1)),
    }


def network_bound(options: NetworkBound) -> tuple[str, list[dict[str, Any]]]:
    """For each network: exchange time of a step, and the speed above which it decides.

    Returns:
        The table and its rows.
    """
    rows = []
    for name, num_bytes in _bytes_by_network(options.network).items():
        for processes in _PROCESSES:
            row: dict[str, Any] = {
                "network": name,
                "MB": round(num_bytes / 1e6, 1),
                "processes": processes,
            }
            for link in _LINKS_GBIT:
                for kind, divisor in (("fp32", 1), ("fp16", 2)):
                    seconds = exchange_seconds(
                        num_bytes / divisor, processes, link, latency_s=options.latency_us * 1e-6
                    )
                    limit = limit_images_per_second(seconds, options.batch_size, options.overlap)
                    row[f"{link} Gbit/s {kind}"] = f"{1000 * seconds:.0f} ms, {limit:.0f}/s"
            rows.append(row)
    return markdown_table(rows), rows


def _bytes_by_network(only: str) -> dict[str, int]:
    """Gradient bytes by name; of networks that differ by nothing but their classes, VOC's."""
    of_voc = {spec.network for spec in SPECS.values() if spec.dataset == "voc"}
    names = [
        name
        for name in network_names()
        if SPECS[name].dataset == "voc"
        or (SPECS[name].dataset == "coco" and SPECS[name].network not in of_voc)
    ]
    names = [only] if only else names
    return {name: gradient_bytes(_network(name)) for name in names}
