#!/usr/bin/env python3
"""Convert weights of published PyTorch code to this project's files and back; no PyTorch needed.

python scripts/convert_weights.py --help
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.entry.convert_weights import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
