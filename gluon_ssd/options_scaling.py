"""Options of the benchmarks of several processes: measured here, and worked out for many."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.cli import option, suggestion
from gluon_ssd.errors import OptionError
from gluon_ssd.names import NETWORK_NAMES


def _check_network(name: str) -> None:
    if name not in NETWORK_NAMES:
        raise OptionError(
            f"--network must be a full zoo name such as ssd_512_resnet50_v1_voc; "
            f"got {name!r}{suggestion(name, NETWORK_NAMES)}"
        )


@dataclass(frozen=True)
class ScalingBenchmark:
    """Options of scripts/benchmark_ssd.py scaling, which horovodrun has to start."""

    network: str = option("ssd_512_mobilenet1.0_voc", "network to train, by its full name")
    batch_size: int = option(4, "images a step of each process", minimum=1)
    steps: int = option(3, "steps that are timed together", minimum=1)
    rounds: int = option(5, "rounds, each way in turn", minimum=1)
    fp16_allreduce: bool = option(False, "send gradients as float16")
    output: str = option("", "also write the numbers to this JSON file")

    def __post_init__(self) -> None:
        _check_network(self.network)


@dataclass(frozen=True)
class NetworkBound:
    """Options of scripts/benchmark_ssd.py network-bound, which computes and measures nothing."""

    network: str = option("", "full name of one network; empty takes every architecture of the zoo")
    batch_size: int = option(8, "images a step of each process", minimum=1)
    latency_us: float = option(20.0, "microseconds of one message between machines", minimum=0)
    overlap: float = option(
        0.6, "share of the step, its backward pass, that hides the exchange", minimum=0, maximum=1
    )
    output: str = option("", "also write the numbers to this JSON file")

    def __post_init__(self) -> None:
        if self.network:
            _check_network(self.network)
