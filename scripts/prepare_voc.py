#!/usr/bin/env python3
"""Fetch and unpack PASCAL VOC for --dataset voc; run it again to go on where it stopped.

python scripts/prepare_voc.py --help
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.entry.prepare_voc import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
