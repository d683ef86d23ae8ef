"""What the pickle of a torch file comes to: plain values, and notes of tensors and objects."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from gluon_ssd.errors import WeightsError


class DamagedError(ValueError):
    """A part of a torch file contradicts itself; its readers turn it into a WeightsError."""


def damaged(source: str, reason: object = "") -> WeightsError:
    """The error of a torch file that cannot be followed; `source` names the file."""
    told = f": {reason}" if str(reason) else ""
    return WeightsError(f"{source} is damaged or cut off{told}; copy or fetch it anew")


@dataclass(frozen=True)
class Storage:
    """A run of numbers in the file.

    Attributes:
        key: what the file calls it.
        dtype: one of `STORAGES` by name.
        count: of its elements.
    """

    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage, which reads it not yet.

    Attributes:
        storage: where its elements are.
        offset: of its first element, in elements.
        shape, strides: of each axis, in elements.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Unread:
    """A value that no weights are in, and that is left alone: a device, a number type, a date."""

    name: str


@dataclass
class Instance:
    """An object of a class, of which nothing is imported: its name and its attributes.

    Attributes:
        name: of the class, with its module.
        attributes: as the pickle sets them; {} until then.
    """

    name: str
    attributes: dict[Any, Any] = field(default_factory=dict)


STORAGES = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
}
"""Word of torch's class of storages (`torch.FloatStorage`) -> type of its elements."""

ITEM_BYTES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}
"""Type of elements -> bytes of one."""
