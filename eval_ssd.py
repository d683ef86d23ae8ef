#!/usr/bin/env python3
"""Evaluate, benchmark or quantise an SSD detector.

python eval_ssd.py --help
"""

from __future__ import annotations

import sys

from gluon_ssd.entry.eval_ssd import main

if __name__ == "__main__":
    sys.exit(main())
