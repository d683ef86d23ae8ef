#!/usr/bin/env python3
"""Compare training runs: options that differ, a table, and their curves over each other.

python scripts/compare_runs.py --help
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.entry.compare_runs import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
