"""What a process and its children use at a moment, and what lies in folders for temporary files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Usage:
    """Of one process and of all below it.

    Attributes:
        pid: of the process.
        memory_mb: resident memory of the process itself.
        family_mb: resident memory of it and its children, what they share counted in each.
        threads, descriptors: of the process itself.
        children: processes below it.
        open: what the descriptors are of, in order: paths, and kinds such as "socket".
    """

    pid: int
    memory_mb: float
    family_mb: float
    threads: int
    descriptors: int
    children: int
    open: tuple[str, ...] = ()


def usage_of(pid: int) -> Usage | None:
    """What a process uses now; None where it has ended."""
    try:
        process = psutil.Process(pid)
        own = process.memory_info().rss
        children = process.children(recursive=True)
        return Usage(
            pid,
            own / 2**20,
            (own + sum(map(_memory_of, children))) / 2**20,
            process.num_threads(),
            process.num_fds(),
            len(children),
            _open_in(pid),
        )
    except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied, OSError):
        return None


def _open_in(pid: int) -> tuple[str, ...]:
    names = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            names.append(os.readlink(entry).split(":[")[0])
        except FileNotFoundError:
            continue  # closed meanwhile
    return tuple(sorted(names))


def _memory_of(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0  # a child that has ended meanwhile


def content_of(folder: Path) -> tuple[list[str], int]:
    """Names of all files below a folder, and their bytes."""
    names, size = [], 0
    for place, _, files in os.walk(folder):
        for name in files:
            path = Path(place) / name
            try:
                size += path.stat().st_size
            except FileNotFoundError:
                continue  # removed meanwhile
            names.append(str(path.relative_to(folder)))
    return sorted(names), size


def shared_memory_of(pids: Sequence[int]) -> dict[str, int]:
    """Bytes of every file in /dev/shm that the processes, or those below them, hold, by path.

    Other programs of the machine may have files there too.
    """
    found: dict[str, int] = {}
    for pid in pids:
        try:
            process = psutil.Process(pid)
            family = [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
        for member in family:
            for path in _held_files(Path(f"/proc/{member.pid}")):
                if path.startswith(f"{SHARED_MEMORY}/") and os.path.exists(path):
                    found[path] = os.path.getsize(path)
    return found


def _held_files(process: Path) -> set[str]:
    """Paths of the files that a process has mapped or open; empty when it has ended."""
    try:
        maps = (process / "maps").read_text("utf-8", errors="replace").splitlines()
        entries = list((process / "fd").iterdir())
    except OSError:
        return set()
    # A descriptor may be closed meanwhile.
    opened = {os.path.realpath(entry) for entry in entries}
    return opened | {words[5] for line in maps if len(words := line.split(maxsplit=5)) == 6}
