"""Weights from names and a seed, so that two programs have the same ones without a file of them.

Every array has a stream of its own, `RandomState(crc32("<seed>:<name>"))`, which NumPy keeps as it
is; the golden numbers of the published networks were computed with these weights at seed 101.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

# Standard deviation is gain / sqrt(fan_in); the first pattern that is found in the name counts.
_GAINS = {
    r"\.conv1\.weight$|\.downsample\.0\.weight$": 1.0,
    r"\.conv[23]\.weight$": 0.6,
    r"^conf\.": 1.0,
    r"^loc\.": 0.4,
    r"cls_logits\.weight$": 0.5,
    r"bbox_reg\.weight$": 0.3,
    "": math.sqrt(2.0),
}
_FOCAL_BIAS = -4.6


def stream(seed: int, name: str) -> np.random.RandomState:
    """The random numbers of one array."""
    return np.random.RandomState(zlib.crc32(f"{seed}:{name}".encode("ascii")))


def value(seed: int, name: str, shape: tuple[int, ...]) -> NDArray[np.generic]:
    """The array of one entry of a published state dict; float32, or int64 for counters."""
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    noise = stream(seed, name).standard_normal(shape)
    if name.endswith("running_var"):
        result = 1 + 0.1 * np.abs(noise)
    elif name.endswith("running_mean"):
        result = 0.1 * noise
    elif name.endswith("bias"):
        result = 0.05 * noise + (_FOCAL_BIAS if name.endswith("cls_logits.bias") else 0)
    elif len(shape) == 1:
        result = 1 + 0.1 * noise
    else:
        gain = next(gain for pattern, gain in _GAINS.items() if re.search(pattern, name))
        result = gain / math.sqrt(np.prod(shape[1:])) * noise
    return result.astype(np.float32)


def all_values(
    seed: int, shapes: Iterable[tuple[str, tuple[int, ...]]]
) -> dict[str, NDArray[np.generic]]:
    """The arrays of a whole state dict."""
    return {name: value(seed, name, shape) for name, shape in shapes}


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
