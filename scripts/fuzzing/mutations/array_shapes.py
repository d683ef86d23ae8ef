"""Give arrays of a parameter file another shape, or values that cannot be."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

_LIST_MAGIC = 0x112
_MAGIC_ANY_SHAPE = 0xF993FACA
_TYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64")
# Arrays of which one shape alone is right; a constant may have several that broadcast alike.
_OF_LAYERS = ("weight", "bias", "gamma", "beta", "mean", "var")
_ADVERSE_VALUES = {"var": -5.0, "gamma": 3e38}


def encoded(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """A file of MXNet with these arrays, of any shape."""
    parts = [struct.pack("<QQQ", _LIST_MAGIC, 0, len(arrays))]
    for array in arrays.values():
        parts.append(struct.pack("<Iii", _MAGIC_ANY_SHAPE, 0, array.ndim))
        parts.append(struct.pack(f"<{array.ndim}q", *array.shape))
        parts.append(struct.pack("<3i", 1, 0, _TYPES.index(array.dtype.name)))
        parts.append(array.tobytes())
    parts.append(struct.pack("<Q", len(arrays)))
    for name in arrays:
        text = name.encode()
        parts += [struct.pack("<Q", len(text)), text]
    return b"".join(parts)


def of_layers(arrays: Mapping[str, NDArray[Any]]) -> list[str]:
    """Names of the arrays that have one right shape."""
    return [name for name in arrays if name.endswith(_OF_LAYERS)]


def reshaped(draw: random.Random, arrays: Mapping[str, NDArray[Any]]) -> tuple[bytes, str]:
    """A file in which one array of a layer surely has a wrong shape; what was done."""
    name = draw.choice(of_layers(arrays))
    array = arrays[name]
    wrong = [
        changed
        for changed in (
            array[:1],
            array[:-1],
            array[:0],
            np.concatenate([array, array]),
            array.reshape(*array.shape, 1),
            array.reshape(1, *array.shape),
            array.reshape(-1),
            array.reshape(-1)[:1],
            array.reshape(-1)[0].reshape(()),
            array.T,
        )
        if changed.shape != array.shape
    ]
    changed = draw.choice(wrong)
    text = encoded({**arrays, name: changed})
    return text, f"{name} of shape {changed.shape} for {array.shape}"


def adverse(draw: random.Random, arrays: Mapping[str, NDArray[Any]]) -> tuple[bytes, str] | None:
    """A file with variances below 0, or with a scale beyond float32; None where it has neither."""
    names = [name for name in arrays if name.endswith(tuple(_ADVERSE_VALUES))]
    if not names:
        return None
    name = draw.choice(names)
    value = next(value for end, value in _ADVERSE_VALUES.items() if name.endswith(end))
    changed = np.full_like(arrays[name], value)
    return encoded({**arrays, name: changed}), f"{name} = {value:g}"
