"""Give everything that reads files broken ones: does each end with an answer, or with one line?

    .venv/bin/python scripts/fuzz.py                                2,000 cases of every kind
    .venv/bin/python scripts/fuzz.py --cases 6000 --jobs 2 --output fuzz.json
    .venv/bin/python scripts/fuzz.py --kind coco --case 1234 --keep case   one case, and its files

A case is a sound input of a kind, changed at random; the seed and its number decide how. It runs
in a process with limits. Exit code 1 if one ended in a traceback or a signal, took more than 1 GiB
or 10 s, or gave another answer than the one that is known to be right.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.errors import OptionError  # noqa: E402
from gluon_ssd.options.declare import option, parse  # noqa: E402
from gluon_ssd.system.files import atomic_write, ensure_writable  # noqa: E402
from gluon_ssd.system.script import run_main  # noqa: E402


@dataclass(frozen=True)
class FuzzOptions:
    """Options of scripts/fuzz.py."""

    kind: str = option("", "kinds of input, joined by a comma; empty: all")
    cases: int = option(2000, "cases of each kind", minimum=1)
    first: int = option(0, "number of the first case", minimum=0)
    case: int = option(-1, "number of a single case; -1: none", minimum=-1)
    seed: int = option(0, "seed of all cases", minimum=0)
    jobs: int = option(2, "processes at a time", minimum=1)
    keep: str = option("", "folder for the files of the finds, or of a single case; empty: none")
    output: str = option("", "file for the result, as JSON; empty: none")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code."""
    return run_main(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    options = parse(FuzzOptions, argv, prog="fuzz.py", description=__doc__ or "")
    # Only now, since --help needs no package.
    from scripts.fuzzing.catalog import KINDS
    from scripts.fuzzing.report import as_json, groups, table
    from scripts.fuzzing.run import run

    kinds = [name for name in options.kind.split(",") if name] or list(KINDS)
    if unknown := [name for name in kinds if name not in KINDS]:
        raise OptionError(f"--kind wants some of {', '.join(KINDS)}; got {unknown[0]!r}")
    if options.output:
        ensure_writable(options.output)
    first, cases = (options.first, options.cases) if options.case < 0 else (options.case, 1)
    keep = Path(options.keep) if options.keep else None
    summaries, finds = run(kinds, first, cases, seed=options.seed, jobs=options.jobs, keep=keep)
    if finds:
        print(groups(finds), end="\n\n")
    print(table(summaries))
    if options.output:
        facts = {"seed": options.seed, "first": first}
        with atomic_write(options.output, "w") as file:
            file.write(as_json(summaries, finds, facts))
    return int(bool(finds))


if __name__ == "__main__":
    sys.exit(main())
