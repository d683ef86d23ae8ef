"""Every benchmark whose result is one table of rows: name -> function of its options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gluon_ssd.benchmarks.contended import CONTENDED_NOTE, contended_rows
from gluon_ssd.benchmarks.data import data_rows
from gluon_ssd.benchmarks.decoding import decode_rows
from gluon_ssd.benchmarks.evaluation import evaluation_rows
from gluon_ssd.benchmarks.loaders import loader_rows
from gluon_ssd.benchmarks.model_costs import COSTS_NOTE, cost_rows
from gluon_ssd.benchmarks.overlap import OVERLAP_NOTE, overlap_rows
from gluon_ssd.benchmarks.precision import precision_rows
from gluon_ssd.benchmarks.scaling import network_bound_rows, scaling_rows
from gluon_ssd.benchmarks.service.rows import SERVE_NOTE, serve_rows
from gluon_ssd.benchmarks.torch_comparison import TORCH_NOTE, torch_rows
from gluon_ssd.compat import mx
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.options.benchmarks import DeployBenchmark
from gluon_ssd.report.tables import Row
from gluon_ssd.report.timing import compare


def deploy_rows(options: DeployBenchmark) -> list[Row]:
    """An exported fp32 model as written against the same model prepared for speed."""
    input_size_hw = options.data_shape, options.data_shape
    models = [
        load_detector(options.model_prefix, input_size_hw=input_size_hw, fuse=fuse)
        for fuse in (False, True)
    ]
    images = mx.nd.random.uniform(-1, 1, (options.batch_size, 3, *input_size_hw))
    compared = compare(models[0].run, models[1].run, [images], iterations=options.rounds)
    row = {
        "batch": options.batch_size,
        "as written, ms": compared.first.median_ms,
        "folded and fused, ms": compared.second.median_ms,
        "x the time": compared.ratio,
        "p10": compared.low,
        "p90": compared.high,
    }
    return [row]


ROWS: dict[str, Callable[[Any], Sequence[Row]]] = {
    "amp": precision_rows,
    "contended": contended_rows,
    "dali": loader_rows,
    "data": data_rows,
    "decode": decode_rows,
    "deploy": deploy_rows,
    "eval": evaluation_rows,
    "model": cost_rows,
    "network-bound": network_bound_rows,
    "overlap": overlap_rows,
    "scaling": scaling_rows,
    "serve": serve_rows,
    "torch": torch_rows,
}

NOTES = {
    "contended": CONTENDED_NOTE,
    "model": COSTS_NOTE,
    "overlap": OVERLAP_NOTE,
    "serve": SERVE_NOTE,
    "torch": TORCH_NOTE,
}
"""How numbers were counted, where a table needs it; it stands above."""
