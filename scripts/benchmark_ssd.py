#!/usr/bin/env python3
"""Measure the fast parts against the ways they replace, in turns, in one run.

python scripts/benchmark_ssd.py --help
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.entry.benchmark_ssd import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
