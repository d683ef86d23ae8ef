"""What a journal can meet between two commands: each damages one that is sound, in its place."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

from gluon_ssd.system import event_log


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def _write(path: Path, lines: list[bytes]) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def _line(number: int, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        lines = _lines(path)
        lines[number] = change(lines[number])
        _write(path, lines)

    return damage


def _first(event: str, **fields: object) -> Callable[[Path], None]:
    """Change fields of the first event of a name."""

    def damage(path: Path) -> None:
        events = [json.loads(line) for line in _lines(path)]
        next(each for each in events if each["event"] == event).update(fields)
        _write(path, [json.dumps(each).encode() for each in events])

    return damage


def _any_kind_of_every_field(path: Path) -> None:
    lines = _lines(path)
    values = ({}, [], "x", None, True, -1, 1e308, float("nan"))
    others = [
        json.dumps({**json.loads(line), name: value}).encode()
        for line in lines
        for name in json.loads(line)
        for value in values
    ]
    _write(path, lines + others)


def _lines_of_another_run(path: Path) -> None:
    others = [json.loads(line) for line in _lines(path)]
    for event in others:
        event["time"] -= 1e6
        for name in event.pop("losses", ()):
            del event[name]
        if event["event"] in ("interval", "epoch"):
            event |= {"losses": ["Focal"], "Focal": 7.5}
    both = zip(_lines(path), (json.dumps(event).encode() for event in others), strict=True)
    _write(path, [line for pair in both for line in pair])


def _long_text(path: Path) -> None:
    with open(path, "ab") as file:
        for _ in range(3):
            file.write(b"x" * event_log.MOST_LINE)


def _long_list(path: Path) -> None:
    lines = _lines(path)
    lines.insert(1, lines[0][:-1] + b', "a": [' + b"1, " * event_log.MOST_LINE + b"1]}")
    _write(path, lines)


def _replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


DEEP = 100_000
SILENT: dict[str, Callable[[Path], object]] = {
    "cut in its last line": lambda path: os.truncate(path, path.stat().st_size - 30),
    "zeros behind it, as a crash leaves them": lambda path: path.write_bytes(
        path.read_bytes() + bytes(4096)
    ),
    "empty": lambda path: os.truncate(path, 0),
    "missing": lambda path: path.unlink(),
    "lines end as Windows has it": lambda path: path.write_bytes(
        path.read_bytes().replace(b"\n", b"\r\n")
    ),
    "a byte order mark": lambda path: path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes()),
    "lines of another run": _lines_of_another_run,
    "without its start": lambda path: _write(path, _lines(path)[1:]),
    "in reverse": lambda path: _write(path, _lines(path)[::-1]),
    "lines of a later position": lambda path: _write(
        path, [*_lines(path), *(_lines(path)[1].replace(b'"at": [', b'"at": [7'),) * 3]
    ),
    "an epoch beyond all": _first("validation", epoch=10**15, at=[10**15, 0]),
    "thousands of classes": _first("validation", class_scores={f"c{n}": 0.5 for n in range(3000)}),
}
"""Nothing is wrong with what is left, and nothing is said."""

TOLD: dict[str, Callable[[Path], object]] = {
    "a line cut in the middle": _line(3, lambda line: line[:40]),
    "bytes in a line": _line(3, lambda line: random.Random(1).randbytes(99).replace(b"\n", b"")),
    "bytes alone": lambda path: path.write_bytes(random.Random(0).randbytes(9000)),
    "lists in lists": _line(3, lambda line: line[:-1] + b', "a": ' + b"[" * DEEP + b"]" * DEEP),
    "objects in objects": _line(
        3, lambda line: line[:-1] + b', "a": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}"
    ),
    "5000 digits": _line(3, lambda line: line.replace(b'"at": [', b'"at": [' + b"9" * 5000)),
    "a place that is no number": _first("interval", at=[float("nan"), 0]),
    "a rate that is no number": _first("interval", lr=float("nan")),
    "thousands of losses": _first(
        "interval", losses=[f"l{n}" for n in range(5000)], **{f"l{n}": 0.5 for n in range(5000)}
    ),
    "any kind of every field": _any_kind_of_every_field,
    "UTF-16": lambda path: path.write_bytes(path.read_bytes().decode().encode("utf-16")),
    "empty lines": lambda path: path.write_bytes(b"\n" * 9000 + path.read_bytes()),
    "a text without end": _long_text,
    "a line of a million numbers": _long_list,
}
"""One warning counts the lines."""

REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (_replaced(Path.mkdir), "Is a directory"),
    "a pipe": (_replaced(os.mkfifo), "it is a pipe, not a file"),
    "a device": (
        _replaced(lambda path: path.symlink_to("/dev/zero")),
        "it is a device, not a file",
    ),
    "a link to itself": (_replaced(lambda path: path.symlink_to(path.name)), "Too many levels"),
    "a link that leads nowhere": (
        _replaced(lambda path: path.symlink_to("none/journal")),
        "it is a link that leads nowhere",
    ),
    "larger than any": (
        lambda path: os.truncate(path, 1 << 40),
        "it has 1099511627776 bytes, allow",
    ),
}
"""One line says what it is, and what to do."""
