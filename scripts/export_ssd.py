#!/usr/bin/env python3
"""Write a trained network or an exported model for MXNet, ONNX or OpenVINO, and compare.

python scripts/export_ssd.py --help
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.entry.export_ssd import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
