"""What is known of one operator: its inputs, outputs and attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gluon_ssd.deploy.mxnet.symbol_check.kinds import Flag, Integer, Kind, Number, Text, Tuple, Word

Values = Mapping[str, Any]
"""Attributes of a node by name, as values; those that the file leaves out are left out."""
Attributes = Mapping[str, Kind]
"""Name -> type of every attribute that an operator may have."""
Count = int | Callable[[Values], int]
Rule = Callable[[Values], str | None]

LARGEST = 2**28
"""Elements of the largest array; 1 GiB of float32."""
MOST_PARTS = 10_000
"""Arrays that one operator joins or makes."""
MOST_CHANNELS = 2**20
MOST_PIXELS = 4096
"""Side of a kernel, its steps and its padding."""

flag = Flag()
axis = Integer(-8, 8)
axis_or_none = Integer(-8, 8, none=True)
axes = Tuple(axis)
axes_or_none = Tuple(axis, none=True)
number = Number()
number_or_none = Number(none=True)
index = Integer(-(2**31) + 1, 2**31 - 1)
index_or_none = Integer(-(2**31) + 1, 2**31 - 1, none=True)
parts = Integer(1, MOST_PARTS)
shape = Tuple(Integer(0, LARGEST))
_REAL = ("float16", "float32", "float64", "bfloat16")
dtype = Word((*_REAL, "int8", "uint8", "int32", "int64", "bool"))
dtype_or_none = Word((*dtype.words, "None"))
context = Text(r"|(cpu|gpu)\(\d\)", "empty, or cpu(0) or gpu(0)")
layout = Word(("None", "NCHW", "NCW", "NCDHW", "NHWC", "NDHWC", "NWC"))


@dataclass(frozen=True)
class Operator:
    """One operator that a symbol may have.

    Attributes:
        inputs: how many, or a function of the attributes.
        attributes: its attributes.
        outputs: how many others may use, or a function of the attributes.
        rule: what is wrong with attributes that are right one by one, or None.
        fused: whether it holds a subgraph; see `fused`.
    """

    inputs: Count = 1
    attributes: Attributes = field(default_factory=dict)
    outputs: Count = 1
    rule: Rule | None = None
    fused: bool = False


def count_of(count: Count, values: Values) -> int:
    """A number of inputs or outputs, for a node's attributes."""
    return count(values) if callable(count) else count


def given(name: str, default: int = 1) -> Callable[[Values], int]:
    """As many as an attribute says."""
    return lambda values: int(values.get(name, default))


def product(numbers: tuple[int, ...]) -> int:
    """The product of whole numbers, without overflow."""
    result = 1
    for each in numbers:
        result *= each
    return result
