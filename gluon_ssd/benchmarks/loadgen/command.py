"""``benchmark_ssd.py loadgen``: options -> a run of MLPerf's LoadGen, and what it found."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from gluon_ssd.benchmarks.loadgen import child
from gluon_ssd.benchmarks.peer import Peer
from gluon_ssd.options.benchmark_loadgen import LoadgenBenchmark
from gluon_ssd.report.tables import markdown_table
from gluon_ssd.system.files import ensure_directory, ensure_writable, without_nan, write_json

_RESULTS = "results.json"


def loadgen(options: LoadgenBenchmark) -> str:
    """Run one scenario in a process of its own; returns what to print.

    Raises:
        SsdError: the detector or the data set cannot be used, LoadGen is not installed, or a file
            cannot be written.
    """
    folder = Path(options.loadgen.output).expanduser()
    ensure_directory(folder)
    ensure_writable(folder / _RESULTS)
    given = dataclasses.asdict(options.loadgen)
    with Peer(child.answer, "LoadGen") as peer:
        found = peer.ask("run", loadgen=given, data=dataclasses.asdict(options.data))
    write_json(folder / _RESULTS, without_nan({"options": given, **found}))
    return loadgen_text(options, found)


def loadgen_text(options: LoadgenBenchmark, found: dict[str, Any]) -> str:
    """What a run gave, as Markdown.

    Args:
        options: of the run.
        found: what `LoadgenBench.run` returned.
    """
    settings = found["settings"]
    rows = {"scenario": options.loadgen.scenario, "mode": options.loadgen.mode}
    rows |= {"model": options.loadgen.model_prefix, "images": settings["num_images"]}
    if found["mAP"] is not None:
        rows["mAP"] = f"{found['mAP']:.4f}"
    rows |= {key: value for key, value in found["summary"].items() if key not in _KNOWN}
    table = markdown_table([{"LoadGen": key, "value": str(value)} for key, value in rows.items()])
    return f"{table}\nlog files: {options.loadgen.output}"


_KNOWN = ("SUT name", "Scenario", "Mode")
