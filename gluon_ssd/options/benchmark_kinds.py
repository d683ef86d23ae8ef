"""What scripts/benchmark_ssd.py can measure: the first word of its command line -> its options."""

from __future__ import annotations

from typing import Any

from gluon_ssd.options.benchmark_formats import FormatsBenchmark
from gluon_ssd.options.benchmark_load import ContendedBenchmark, OverlapBenchmark, ServeBenchmark
from gluon_ssd.options.benchmark_loadgen import LoadgenBenchmark
from gluon_ssd.options.benchmarks import (
    AmpBenchmark,
    DataBenchmark,
    DecodeBenchmark,
    DeployBenchmark,
    EvalBenchmark,
    LoaderBenchmark,
    ModelBenchmark,
    NetworkBound,
    ScalingBenchmark,
    TableBenchmark,
    TorchBenchmark,
)

KINDS: dict[str, Any] = {
    "amp": AmpBenchmark,
    "contended": ContendedBenchmark,
    "dali": LoaderBenchmark,
    "data": DataBenchmark,
    "decode": DecodeBenchmark,
    "deploy": DeployBenchmark,
    "eval": EvalBenchmark,
    "formats": FormatsBenchmark,
    "loadgen": LoadgenBenchmark,
    "model": ModelBenchmark,
    "network-bound": NetworkBound,
    "overlap": OverlapBenchmark,
    "scaling": ScalingBenchmark,
    "serve": ServeBenchmark,
    "table": TableBenchmark,
    "torch": TorchBenchmark,
}

ON_WHOLE_CPU = ("deploy", "eval", "formats", "loadgen", "model", "overlap", "table", "torch")
"""These time inference on every core, on both sides, whatever else the machine does. The others
keep MXNet's own number of threads, as training and GluonCV's scripts do; "contended" and "serve"
set that of their processes."""

RUNS_FILES = ("contended", "deploy", "eval", "formats", "loadgen", "overlap", "serve", "table")
"""These run files of exported models."""
