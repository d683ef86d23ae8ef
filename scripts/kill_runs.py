"""Kill trainings, calibrations, exports and searches by SIGKILL: is anything lost or torn?

    .venv/bin/python scripts/kill_runs.py --what training --kills 100 --output kills.json
    .venv/bin/python scripts/kill_runs.py --what writing --kills 50 --output writing.json
    .venv/bin/python scripts/kill_runs.py --what ranks --kills 50 --output ranks.json
    .venv/bin/python scripts/kill_runs.py --what outputs --kills 50 --output outputs.json

The commands are those that users start. A training is killed at random moments and resumed until it
has come to its end, where it must hold the bits of one that nothing has killed. The others are
killed over an older result, which must then be wholly the old one or wholly the new one. The same
command goes on with a series that was stopped. Exit code 1 where anything is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.errors import OptionError  # noqa: E402
from gluon_ssd.options.declare import option, parse  # noqa: E402
from gluon_ssd.system.files import ensure_directory, ensure_writable  # noqa: E402
from gluon_ssd.system.script import run_main  # noqa: E402


@dataclass(frozen=True)
class KillOptions:
    """Options of scripts/kill_runs.py."""

    what: str = option(
        "training",
        "what is killed: trainings at any moment, those while a file is written, those of two "
        "processes, or exports, calibrations and searches",
        choices=("training", "writing", "ranks", "outputs"),
    )
    kills: int = option(100, "kills in all", minimum=1)
    seed: int = option(0, "seed of the moments", minimum=0)
    output: str = option("", "JSON file of everything that was seen; the series goes on from it")
    work: str = option("", "folder for data and runs; empty is OUTPUT without its ending")
    beside: int = option(2, "commands at a time", minimum=1)

    def __post_init__(self) -> None:
        if not self.output:
            raise OptionError("--output FILE.json is needed: where to write what was seen")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code."""
    return run_main(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    options = parse(KillOptions, argv, prog="kill_runs.py", description=__doc__ or "")
    # Only now, since --help needs no package.
    from scripts.reliability import output_series, tally, training_series
    from scripts.reliability.state import State

    output = Path(options.output).expanduser().absolute()
    ensure_writable(output)
    folder = ensure_directory(Path(options.work or output.with_suffix("")).absolute())
    facts = {"what": options.what, "seed": options.seed, "kills": options.kills}
    state = State(output, facts)
    series = output_series if options.what == "outputs" else training_series
    total = series.run_series(options.what, options.kills, folder, state, options.beside)
    state.finish(total)
    print(tally.table(options.what, total))
    return int(not tally.is_good(total))


if __name__ == "__main__":
    sys.exit(main())
