"""Change text of lines: lists of names, ini files, journals, tables."""

from __future__ import annotations

import random
from collections.abc import Callable

from scripts.fuzzing.mutations.blocks import damage

_ODD = (
    "",
    " ",
    "\t",
    "\x00",
    "a\x00b",
    "\x0b",
    "\x1c",
    "\u2028",
    "\x85",
    "\ufeff",
    "=",
    "[",
    "]",
    "[a]",
    "[[a]",
    ": = :",
    "# a",
    "; a",
    "a = %(b)s",
    "a = ${b}",
    "%",
    "\\",
    '"',
    "'",
    ",",
    ",,,,",
    "..",
    "../..",
    "/etc/passwd",
    "/dev/zero",
    "1e400",
    "9" * 5000,
    "-1",
    "nan",
    "\u00b2",
    "x" * 100_000,
    "x " * 20_000,
    "[" * 10_000,
    "\U0001f98a",
    "caf\u00e9",
    "a" * 300 + ".jpg",
    "{" * 3000 + "}" * 3000,
)


def _put(draw: random.Random, lines: list[str]) -> None:
    lines[draw.randrange(len(lines))] = draw.choice(_ODD)


def _insert(draw: random.Random, lines: list[str]) -> None:
    lines.insert(draw.randrange(len(lines) + 1), draw.choice(_ODD))


def _drop(draw: random.Random, lines: list[str]) -> None:
    del lines[draw.randrange(len(lines))]


def _double(draw: random.Random, lines: list[str]) -> None:
    lines.insert(draw.randrange(len(lines)), draw.choice(lines))


def _swap(draw: random.Random, lines: list[str]) -> None:
    one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _splice(draw: random.Random, lines: list[str]) -> None:
    number = draw.randrange(len(lines))
    line = lines[number]
    place = draw.randrange(len(line) + 1)
    tail = place + draw.choice((0, 1, 3, len(line)))
    lines[number] = line[:place] + draw.choice((*_ODD, draw.choice(lines))) + line[tail:]


def _indent(draw: random.Random, lines: list[str]) -> None:
    number = draw.randrange(len(lines))
    lines[number] = draw.choice(("  ", "\t", "\u00a0")) + lines[number]


def _join(draw: random.Random, lines: list[str]) -> None:
    number = draw.randrange(len(lines))
    lines[number : number + 2] = [draw.choice(("", " ", ",")).join(lines[number : number + 2])]


_WAYS: tuple[Callable[[random.Random, list[str]], None], ...] = (
    _put,
    _insert,
    _drop,
    _double,
    _swap,
    _splice,
    _splice,
    _splice,
    _indent,
    _join,
)


def mutated(draw: random.Random, text: str) -> tuple[bytes, str]:
    """Some lines of a text changed; now and then its bytes, or its encoding."""
    if draw.random() < 0.15:
        return damage(draw, text.encode())
    lines = text.split("\n")
    done = []
    for _ in range(draw.choice((1, 1, 2, 3))):
        if lines:
            way = draw.choice(_WAYS)
            way(draw, lines)
            done.append(way.__name__.strip("_"))
    end = draw.choice(("\n", "\n", "\n", "\r\n", "\r"))
    code = draw.choice(("utf-8",) * 8 + ("utf-16", "latin-1", "utf-32-be", "cp037"))
    changed = end.join(lines).encode(code, errors="replace")
    return changed, f"lines: {', '.join(done)}, {code}"


def resaved(draw: random.Random, text: str) -> tuple[bytes, str]:
    """The same lines as editors of other systems save them."""
    end = draw.choice(("\n", "\r\n"))
    mark = draw.choice((b"", b"\xef\xbb\xbf"))
    tail = draw.choice(("", end, end + end))
    blank = draw.choice(("", "", " "))
    lines = [line + blank if line else line for line in text.rstrip("\n").split("\n")]
    return mark + (end.join(lines) + tail).encode(), "saved by another editor"
