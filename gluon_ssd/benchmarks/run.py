"""Every benchmark by name: what it measures is shown as a table and written to a file."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
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
from gluon_ssd.benchmarks.table import table
from gluon_ssd.benchmarks.torch_comparison import TORCH_NOTE, torch_rows
from gluon_ssd.compat import mx
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.options.benchmarks import DeployBenchmark
from gluon_ssd.report.tables import Row, markdown_table
from gluon_ssd.report.timing import compare
from gluon_ssd.system.files import ensure_directory, write_json


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
    "torch": torch_rows,
}

NOTES = {
    "contended": CONTENDED_NOTE,
    "model": COSTS_NOTE,
    "overlap": OVERLAP_NOTE,
    "torch": TORCH_NOTE,
}
"""How numbers were counted, where a table needs it; it stands above."""


def run_benchmark(kind: str, options: Any) -> str:
    """Measure, write the file of `--output`, and return the table as Markdown.

    Args:
        kind: "table", or a key of ROWS.
        options: those of that kind.
    """
    if kind == "table":
        return table(options)
    rows = ROWS[kind](options)
    if options.output and rows:
        target = Path(options.output).expanduser()
        ensure_directory(target.parent)
        write_json(target, rows)
    if getattr(options, "json", False):
        return json.dumps(rows, indent=2)
    if kind == "scaling":  # one long row, which is easier to read upright
        rows = [{"": key, "value": value} for row in rows for key, value in row.items()]
    note = textwrap.fill(NOTES.get(kind, ""), width=100)
    return f"{note}\n\n{markdown_table(rows)}".strip()
