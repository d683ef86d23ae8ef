"""Say in one line each what of this machine and installation works, and what will fail.

    python scripts/doctor.py                 any Python; needs no package
    .venv/bin/python scripts/doctor.py       the one that scripts/setup.sh made
    python scripts/doctor.py && bash scripts/quickstart.sh

Exit code 1 if anything will fail.
"""

from __future__ import annotations

import sys

from gluon_ssd.doctor.examine import examine, summary
from gluon_ssd.doctor.verdict import FAIL


def main(argv: list[str] | None = None) -> int:
    """Print the report."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments:
        print((__doc__ or "").strip())
        return 0 if arguments[0] in {"-h", "--help"} else 2
    verdicts = examine()
    for verdict in verdicts:
        print(verdict)
    print(summary(verdicts))
    return int(any(verdict.level == FAIL for verdict in verdicts))


if __name__ == "__main__":
    raise SystemExit(main())
