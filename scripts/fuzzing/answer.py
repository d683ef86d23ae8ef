"""Answers of the product as plain values that can be compared."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Set
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Tuples of numbers and texts; an array becomes its type, shape and SHA-1."""
    if isinstance(value, np.ndarray):
        content = np.ascontiguousarray(value).tobytes()
        return (str(value.dtype), value.shape, hashlib.sha1(content).hexdigest())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return tuple((f.name, plain(getattr(value, f.name))) for f in dataclasses.fields(value))
    if isinstance(value, Mapping):
        return tuple((str(key), plain(item)) for key, item in value.items())
    if isinstance(value, Set):
        return tuple(sorted(map(repr, value)))
    if isinstance(value, list | tuple):
        return tuple(map(plain, value))
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    # NaN is no equal of itself.
    return repr(value) if isinstance(value, float) else value


def first_difference(one: Any, other: Any, place: str = "") -> str:
    """Where two plain answers differ first, in a few words."""
    both_lists = isinstance(one, tuple) and isinstance(other, tuple)
    if both_lists and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            if pair[0] != pair[1]:
                return first_difference(*pair, f"{place}[{number}]")
    return f"answer{place}: {repr(other)[:300]} instead of {repr(one)[:300]}"
