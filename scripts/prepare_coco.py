#!/usr/bin/env python3
"""Fetch and unpack COCO 2017 for --dataset coco; run it again to go on where it stopped.

python scripts/prepare_coco.py --help
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.entry.prepare_coco import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
