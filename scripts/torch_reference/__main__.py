"""The PyTorch side of `benchmark_ssd.py torch`, in an environment of scripts/torch_env.sh.

PYTHON -m scripts.torch_reference golden FOLDER   compare the networks with published numbers
PYTHON -m scripts.torch_reference serve           answer the benchmark: one JSON line each way
"""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.torch_reference.golden import compare
from scripts.torch_reference.serve import serve


def main(arguments: list[str]) -> int:
    """Run one of the two; returns the exit code."""
    if arguments == ["serve"]:
        serve(sys.stdin, sys.stdout)
        return 0
    if len(arguments) == 2 and arguments[0] == "golden":
        return _golden(Path(arguments[1]))
    print(__doc__, file=sys.stderr)
    return 2


def _golden(folder: Path) -> int:
    wrong = 0
    for what, distance, tolerance in compare(folder):
        is_wrong = not distance <= tolerance
        wrong += is_wrong
        verdict = "WRONG" if is_wrong else "same"
        print(f"{verdict:5}  {what:45} {distance:.2e} (at most {tolerance:.0e})", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
