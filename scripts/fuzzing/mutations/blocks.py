"""Damage bytes without knowing what they mean."""

from __future__ import annotations

import random
from collections.abc import Callable

_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_LARGE = (1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


def _place(draw: random.Random, data: bytes) -> int:
    # Headers decide more than what is behind them.
    span = min(len(data), draw.choice((16, 64, 512, len(data) or 1)))
    return draw.randrange(span) if span else 0


def _flip(draw: random.Random, data: bytes) -> bytes:
    if not data:
        return b"\0"
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 8, 64))):
        changed[_place(draw, data)] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _set(draw: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice((1, 2, 16))):
        if changed:
            changed[_place(draw, data)] = draw.choice((0, 0xFF, draw.randrange(256)))
    return bytes(changed)


def _number(draw: random.Random, data: bytes) -> bytes:
    """Put a number that programs stumble over where one may stand."""
    size = draw.choice((1, 2, 4, 8))
    number = draw.choice(_NUMBERS if size < 8 else _NUMBERS + _LARGE) & ((1 << 8 * size) - 1)
    begin = _place(draw, data)
    if draw.random() < 0.7:
        begin -= begin % min(size, 4)
    field = number.to_bytes(size, draw.choice(("little", "big")))
    return (data[:begin] + field + data[begin + size :])[: max(len(data), 1)]


def _cut(draw: random.Random, data: bytes) -> bytes:
    return data[: draw.choice((0, 1, 4, _place(draw, data), draw.randrange(len(data) + 1)))]


def _insert(draw: random.Random, data: bytes) -> bytes:
    begin = _place(draw, data)
    return data[:begin] + draw.randbytes(draw.choice((1, 2, 4, 100, 5000))) + data[begin:]


def _remove(draw: random.Random, data: bytes) -> bytes:
    begin = _place(draw, data)
    return data[:begin] + data[begin + draw.choice((1, 2, 4, 100)) :]


def _repeat(draw: random.Random, data: bytes) -> bytes:
    begin, size = _place(draw, data), draw.choice((1, 4, 32, 1000))
    return data[: begin + size] + data[begin : begin + size] * draw.choice((1, 3)) + data[begin:]


def _zeros(draw: random.Random, data: bytes) -> bytes:
    begin, size = _place(draw, data), draw.choice((4, 64, 4096))
    fill = draw.choice((b"\0", b"\xff")) * len(data[begin : begin + size])
    return data[:begin] + fill + data[begin + size :]


def _append(draw: random.Random, data: bytes) -> bytes:
    return data + draw.randbytes(draw.choice((1, 16, 4096)))


_WAYS: tuple[tuple[Callable[[random.Random, bytes], bytes], int], ...] = (
    (_flip, 4),
    (_set, 2),
    (_number, 5),
    (_cut, 2),
    (_insert, 1),
    (_remove, 1),
    (_repeat, 1),
    (_zeros, 1),
    (_append, 1),
)


def damage(draw: random.Random, data: bytes) -> tuple[bytes, str]:
    """One to three changes; the new bytes, and what was done."""
    ways = [way for way, _ in _WAYS]
    weights = [weight for _, weight in _WAYS]
    chosen = draw.choices(ways, weights, k=draw.choice((1, 1, 1, 2, 3)))
    for way in chosen:
        data = way(draw, data)
    return data, "bytes: " + ", ".join(way.__name__.strip("_") for way in chosen)
