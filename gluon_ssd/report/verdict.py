"""Whether an int8 model is as good as the float one, in one line."""

from __future__ import annotations

import math

_ROUNDING = 1e-9


def verdict(before: float, after: float, tolerance: float, num_images: int) -> str:
    """Say good or bad.

    Args:
        before, after: mAP of the float model and of the int8 one, fractions; NaN where there is
            nothing to find.
        tolerance: mAP that may be lost.
        num_images: that both were scored on.
    """
    scores = f"mAP {before:.4f} before and {after:.4f} after, on {num_images} images"
    lost = before - after
    if math.isnan(lost):
        return f"{scores}: neither good nor bad, for no image has an object"
    amount = f"{lost:.4f} is lost" if lost > 0 else "nothing is lost"
    word = "good" if lost <= tolerance + _ROUNDING else "BAD"
    return f"{scores}: {word}, {amount} and {tolerance:.4f} may be"
