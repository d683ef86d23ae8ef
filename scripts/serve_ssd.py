#!/usr/bin/env python3
"""Serve a detector over HTTP, as SageMaker's hosting calls a container.

python scripts/serve_ssd.py --help
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.entry.serve_ssd import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
