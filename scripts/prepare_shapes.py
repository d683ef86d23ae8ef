#!/usr/bin/env python3
"""Draw the shapes data set: seven shapes to detect, in VOC layout, in about 15 seconds.

python scripts/prepare_shapes.py --help
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.entry.prepare_shapes import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
