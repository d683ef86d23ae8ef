"""Read a number as people and programs write it into text files."""

from __future__ import annotations

import math

_LONGEST = 64  # characters; more take time and say nothing


def plain_number(text: str) -> float:
    """A decimal number; NaN for all else, such as 1_0 and digits of other scripts."""
    text = text.strip()
    # float() takes those two as well.
    if len(text) <= _LONGEST and text.isascii() and "_" not in text:
        try:
            return float(text)
        except ValueError:
            pass
    return math.nan
