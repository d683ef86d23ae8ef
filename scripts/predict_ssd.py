#!/usr/bin/env python3
"""Detect objects in all images of a folder; write a table as JSON lines or Parquet.

python scripts/predict_ssd.py --help
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.entry.predict_ssd import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
