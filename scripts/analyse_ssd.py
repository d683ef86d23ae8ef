#!/usr/bin/env python3
"""Say what is good and bad about a detector: a page of what it found in a data set.

python scripts/analyse_ssd.py --help
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.entry.analyse_ssd import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
