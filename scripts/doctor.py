#!/usr/bin/env python3
"""Say in one line each what of this machine and installation works, and what will fail.

python scripts/doctor.py --help
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.entry.doctor import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
