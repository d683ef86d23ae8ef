#!/usr/bin/env python3
"""Write a data set in another form: VOC layout, COCO JSON, YOLO txt or RecordIO.

python scripts/convert_dataset.py --help
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.entry.convert_dataset import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
