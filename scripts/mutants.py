"""Change the numeric modules at random, one small change at a time: do their tests notice?

    .venv/bin/python scripts/mutants.py                           four changes of every module
    .venv/bin/python scripts/mutants.py --seed 2 --count 8 --least 95
    .venv/bin/python scripts/mutants.py --module detection/boxes --list

The changes are made in a temporary copy of the project, on which the module's own tests run. A
change that they do not notice has survived: it shows a missing test, unless nothing that the module
does depends on it. Exit code 1 if less than --least percent were noticed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.errors import OptionError, SsdError  # noqa: E402
from gluon_ssd.options.declare import option, parse  # noqa: E402
from gluon_ssd.system.script import run_main  # noqa: E402
from tests import mutation  # noqa: E402


@dataclass(frozen=True)
class MutantOptions:
    """Options of scripts/mutants.py."""

    module: str = option(
        "", "modules to change, joined by a comma, as paths below the package; empty: all numeric"
    )
    count: int = option(4, "changes of each module", minimum=1)
    seed: int = option(0, "seed of the choice", minimum=0)
    least: float = option(90.0, "least share of noticed changes, %", minimum=0, maximum=100)
    time_limit: float = option(60.0, "longest run of a module's tests, s", minimum=1)
    list: bool = option(False, "show the changes and run nothing")

    @property
    def modules(self) -> Sequence[str]:
        """Names of the chosen modules."""
        return [name for name in self.module.split(",") if name] or mutation.NUMERIC_MODULES


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code."""
    return run_main(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    options = parse(MutantOptions, argv, prog="mutants.py", description=__doc__ or "")
    for module in options.modules:
        path = mutation.module_path(module)
        if not (mutation.ROOT / path).is_file() or not mutation.mirrored_tests(module):
            raise OptionError(f"--module wants detection/boxes or so; no {path}, or no test of it")
    if options.list:
        for module in options.modules:
            print(*mutation.choose(module, options.count, options.seed), sep="\n")
        return 0
    total: Counter[str] = Counter()
    for module in options.modules:
        outcomes = Counter(_try(module, options))
        total += outcomes
        print(f"{module}: {_share(outcomes)}", flush=True)
    print(f"all: {_share(total)}, seed {options.seed}")
    return int(100 * (total.total() - total["survived"]) < options.least * total.total())


def _try(module: str, options: MutantOptions) -> list[str]:
    """The outcome of each change of a module."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        project, caches = Path(folder, "project"), Path(folder, "caches")
        project.mkdir()
        mutation.copy_project(project)
        outcomes, tests = [], mutation.mirrored_tests(module)
        if mutation.run_tests(project, tests, caches, options.time_limit) != "passed":
            raise SsdError(f"{tests[-1]} does not pass in {options.time_limit:g} s as it is")
        for mutant in mutation.choose(module, options.count, options.seed):
            (project / mutant.path).write_text(mutant.source, "utf-8")
            started_s = time.perf_counter()
            result = mutation.run_tests(project, tests, caches, options.time_limit)
            outcomes.append({"failed": "killed", "passed": "survived"}.get(result, result))
            print(f"{outcomes[-1]:<8} {mutant} ({time.perf_counter() - started_s:.0f} s)")
            sys.stdout.flush()
    return outcomes


def _share(outcomes: Counter[str]) -> str:
    noticed = outcomes.total() - outcomes["survived"]
    return f"{noticed} of {outcomes.total()} noticed ({noticed / outcomes.total():.0%})"


if __name__ == "__main__":
    sys.exit(main())
