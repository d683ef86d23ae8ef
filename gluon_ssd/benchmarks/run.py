"""Run a benchmark by its name: what it measures becomes text, and files where they are asked for.

Each is imported when it is run, since some of them measure processes without MXNet.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gluon_ssd.report.tables import markdown_table
from gluon_ssd.system.files import ensure_directory, write_json
from gluon_ssd.system.run_lock import locked


def _table(options: Any) -> str:
    from gluon_ssd.benchmarks.table import table

    return table(options)


def _formats(options: Any) -> str:
    from gluon_ssd.benchmarks.formats.command import formats

    return formats(options)


def _loadgen(options: Any) -> str:
    from gluon_ssd.benchmarks.loadgen.command import loadgen

    return loadgen(options)


TEXTS: dict[str, Callable[[Any], str]] = {
    "formats": _formats,
    "loadgen": _loadgen,
    "table": _table,
}
"""Benchmarks that write their own text and files; the others are those of `rows.ROWS`."""

_UPRIGHT = ("scaling", "serve")  # these give one long row, which is easier to read so


def run_benchmark(kind: str, options: Any) -> str:
    """Measure, write the file of `--output`, and return what to print, as Markdown.

    Args:
        kind: a key of TEXTS or of `rows.ROWS`.
        options: those of that kind.

    Raises:
        OptionError: another process is writing that file.
    """
    # The processes of "scaling" run this together, and the leading one alone writes.
    if not getattr(options, "output", "") or kind == "scaling":
        return _run(kind, options)
    with locked(Path(options.output).expanduser(), settings=("output",)):
        return _run(kind, options)


def _run(kind: str, options: Any) -> str:
    if kind in TEXTS:
        return TEXTS[kind](options)
    from gluon_ssd.benchmarks.rows import NOTES, ROWS

    rows = ROWS[kind](options)
    if options.output and rows:
        target = Path(options.output).expanduser()
        ensure_directory(target.parent)
        write_json(target, rows)
    if getattr(options, "json", False):
        return json.dumps(rows, indent=2)
    if kind in _UPRIGHT:
        rows = [{"": key, "value": value} for row in rows for key, value in row.items()]
    note = textwrap.fill(NOTES.get(kind, ""), width=100)
    return f"{note}\n\n{markdown_table(rows)}".strip()
