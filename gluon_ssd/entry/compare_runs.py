"""Compare training runs: options that differ, a table, and their curves over each other.

    python scripts/compare_runs.py runs/first runs/second
    python scripts/compare_runs.py runs/a_run.json runs/b_run.json --output two.png

Each run is what training wrote with one --save-prefix: its run.json and its journal.
"""

from __future__ import annotations

from collections.abc import Sequence

from gluon_ssd.errors import one_line
from gluon_ssd.options.compare_runs import CompareRunsCommand
from gluon_ssd.options.declare import parse, spellings
from gluon_ssd.system.script import run_main


def main(argv: Sequence[str] | None = None) -> int:
    """Compare. Returns the exit code."""
    return run_main(lambda: _run(argv), spellings(CompareRunsCommand))


def _run(argv: Sequence[str] | None) -> int:
    command = parse(CompareRunsCommand, argv, prog="compare_runs.py", description=__doc__ or "")

    from gluon_ssd.commands.compare_runs import compare_runs
    from gluon_ssd.system.log import console_log

    with console_log():
        for line in compare_runs(command):
            print(one_line(line), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
