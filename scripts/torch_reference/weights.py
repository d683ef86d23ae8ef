"""Weights by the rule of tests/golden_rule.py, changed so that few boxes pass."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def with_shifted_classes(
    arrays: Mapping[str, NDArray[np.generic]], shift: float
) -> dict[str, NDArray[np.generic]]:
    """The same weights with other biases of the class heads, so that fewer or more boxes pass.

    Args:
        arrays: of one network, by published name.
        shift: added to the logits of SSD's background, the first rows of a class head, or of all
            of RetinaNet's classes.
    """
    changed = dict(arrays)
    for name, array in arrays.items():
        if re.fullmatch(r"conf\.\d\.bias", name):
            rows = np.arange(len(array)) < len(array) // 81
            changed[name] = (array + shift * rows).astype(np.float32)
        elif name.endswith("cls_logits.bias"):
            changed[name] = (array + shift).astype(np.float32)
    return changed
