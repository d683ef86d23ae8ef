"""Makes MXNet's files of arrays byte by byte, also such as MXNet does not write any more."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

CPU = struct.pack("<2i", 1, 0)
FLAGS = {"float32": 0, "float64": 1, "float16": 2, "uint8": 3, "int32": 4, "int8": 5, "int64": 6}


def dense(values: np.ndarray, magic: int = 0xF993FAC9) -> bytes:
    """An array as MXNet writes it since 0.11, or with another magic number."""
    storage = b"" if magic == 0xF993FAC8 else struct.pack("<i", 0)
    shape = struct.pack(f"<i{values.ndim}q", values.ndim, *values.shape)
    return struct.pack("<I", magic) + storage + shape + _end(values)


def oldest(values: np.ndarray) -> bytes:
    """An array as it was before there were magic numbers."""
    return struct.pack(f"<I{values.ndim}I", values.ndim, *values.shape) + _end(values)


def bfloat16(bits: Sequence[int]) -> bytes:
    """A vector of bfloat16, which NumPy does not have."""
    start = dense(np.zeros(0, np.uint8))[:8] + struct.pack("<iq", 1, len(bits))
    return start + CPU + struct.pack(f"<i{len(bits)}H", 12, *bits)


def listed(arrays: Sequence[bytes], names: Sequence[bytes]) -> bytes:
    """A whole file."""
    packed = [struct.pack("<Q", len(name)) + name for name in names]
    counts = [struct.pack("<Q", len(entries)) for entries in (arrays, names)]
    return (
        struct.pack("<2Q", 0x112, 0) + counts[0] + b"".join(arrays) + counts[1] + b"".join(packed)
    )


def _end(values: np.ndarray) -> bytes:
    return CPU + struct.pack("<i", FLAGS[values.dtype.name]) + values.tobytes()
