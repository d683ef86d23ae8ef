#!/usr/bin/env python3
"""Detect objects in pictures, films and cameras; write them drawn, and as JSON, CSV and others.

python scripts/demo_ssd.py --help
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.entry.demo_ssd import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
