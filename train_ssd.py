#!/usr/bin/env python3
"""Train an SSD detector.

python train_ssd.py --help
"""

from __future__ import annotations

import sys

from gluon_ssd.entry.train_ssd import main

if __name__ == "__main__":
    sys.exit(main())
