"""How well training scales over processes: measured on this machine, and on paper."""

from __future__ import annotations

import functools
import logging
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.benchmarks.training import (
    bare_network,
    make_learner,
    random_batch,
    random_network,
    take_steps,
)
from gluon_ssd.benchmarks.turns import take_turns
from gluon_ssd.commands.wiring.devices import devices
from gluon_ssd.compat import mx
from gluon_ssd.data.loading.loader import Batch
from gluon_ssd.errors import OptionError
from gluon_ssd.families.catalog import SPECS, network_names
from gluon_ssd.models.first_weights import complete_shapes
from gluon_ssd.models.interface import Network
from gluon_ssd.options.benchmarks import NetworkBound, ScalingBenchmark
from gluon_ssd.report.tables import Row
from gluon_ssd.training.loop import Learner
from gluon_ssd.training.team.horovod import HorovodTeam
from gluon_ssd.training.team.team import Team

_log = logging.getLogger(__name__)

_PROCESSES = (8, 64, 512)
_LINKS_GBIT = (10, 25, 100)
_GBIT = 1e9 / 8  # bytes a second
_FUSION_BYTES = 128 * 2**20  # HOROVOD_FUSION_THRESHOLD, by default


def gradient_bytes(network: Network) -> int:
    """Bytes that each process adds up with the others in every step, as float32."""
    complete_shapes(network)
    parameters = network.collect_params().values()
    return sum(4 * int(np.prod(p.shape)) for p in parameters if p.grad_req != "null")


def scaling_rows(options: ScalingBenchmark) -> list[Row]:
    """Measure one process, processes that do not talk, and the team, in turns.

    Returns:
        One row; none on all processes but the leading one.

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
    network = random_network(options.name, context)
    batch = random_batch(network, options.batch_size, seed=team.rank)
    alone, together = make_learner(network, context), make_learner(network, context, team)
    seconds = _measure(options, team, alone, together, batch)
    if team.rank != 0:
        return []
    return [_summary(options, seconds, team.size, gradient_bytes(network))]


def _stay_on_one_core(local_rank: int) -> None:
    """Bind every thread of this process to the core of its local rank."""
    cores = sorted(os.sched_getaffinity(0))
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), {cores[local_rank % len(cores)]})


def _steps(learner: Learner, batch: Batch, count: int) -> float:
    """Seconds of one of so many steps of the real loop, the last update included."""
    mx.nd.waitall()
    started_s = time.perf_counter()
    take_steps(learner, [batch] * count)
    mx.nd.waitall()
    return (time.perf_counter() - started_s) / count


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

    def one(number: int) -> float:
        if team.rank:
            return 0.0
        _log.info("round %d of %d ...", number, options.rounds)
        return _steps(alone, batch, options.steps)

    ways: dict[str, Callable[[int], float]] = {
        "one": one,
        "apart": lambda _: _steps(alone, batch, options.steps),
        "together": lambda _: _steps(together, batch, options.steps),
        "exchange": lambda _: _exchange(together, batch),
    }
    turns = {way: functools.partial(_of_all, team, run) for way, run in ways.items()}
    # The first round compiles and warms up.
    measured = take_turns(turns, options.rounds, warmup=1)
    return {way: np.array(rows) for way, rows in measured.items()}


def _of_all(team: Team, run: Callable[[int], float], number: int) -> np.ndarray:
    team.total(np.zeros(1))  # all start together
    return team.gather(np.array([run(number)]))


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
        "network": options.name,
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


def network_bound_rows(options: NetworkBound) -> list[Row]:
    """For each network: exchange time of a step, and the speed above which it decides."""
    rows: list[Row] = []
    for name, num_bytes in _bytes_by_network(options.name).items():
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
    return rows


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
    return {name: gradient_bytes(bare_network(name)) for name in names}


def exchange_seconds(
    num_bytes: float, processes: int, gbit_per_s: float, *, latency_s: float
) -> float:
    """Time of one all-reduce around a ring in which every process has its own link.

    Horovod packs gradients into buffers (fusion). With W processes every one of them sends and
    receives 2 (W - 1) / W of the bytes, in 2 (W - 1) messages a buffer. Source: Patarasuk and
    Yuan, Bandwidth optimal all-reduce algorithms for clusters of workstations, 2009.

    Args:
        num_bytes: of all gradients.
        processes: W; one needs no time.
        gbit_per_s: speed of each link.
        latency_s: of one message.
    """
    buffers = max(1, math.ceil(num_bytes / _FUSION_BYTES))
    sent = 2 * (processes - 1) / processes * num_bytes
    return sent / (gbit_per_s * _GBIT) + 2 * (processes - 1) * buffers * latency_s


def limit_images_per_second(seconds: float, batch_size: int, overlap: float) -> float:
    """Images a second of one process, computing alone, above which the network decides.

    The exchange of a layer starts when its gradient is there: a step of t seconds hides `overlap` t
    of it, and is bound by the network when that is less than the exchange takes.
    """
    return batch_size * overlap / seconds if seconds else math.inf
