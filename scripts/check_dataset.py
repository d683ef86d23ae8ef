#!/usr/bin/env python3
"""Say what is wrong with a data set, counted by reason, with file names.

python scripts/check_dataset.py --help
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.entry.check_dataset import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
