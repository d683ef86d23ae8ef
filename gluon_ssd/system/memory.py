"""How much memory this process may still take, the most that it has held, and what it keeps."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

_CONTROL_GROUP = "/sys/fs/cgroup"

# Numbers of mallopt's settings in <malloc.h>, and the most that it takes for the second one.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_BYTES, _LARGEST_MMAP_THRESHOLD = 1 << 29, 1 << 25


def available_bytes() -> int | None:
    """Memory that can be had without swapping, within the limits of a container.

    Returns:
        None where the system does not tell.
    """
    line = re.search(r"^MemAvailable:\s+(\d+) kB", _text("/proc/meminfo"), re.MULTILINE)
    found = [int(line.group(1)) * 1024] if line else []
    # Of control groups version 2 and 1.
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        numbers = [_text(f"{_CONTROL_GROUP}/{name}").strip() for name in (limit, used)]
        if all(number.isdigit() for number in numbers):  # no limit is the word "max"
            found.append(int(numbers[0]) - int(numbers[1]))
    return min(found, default=None)


def peak_mib() -> float:
    """Most memory this process has held at once, in MiB; NaN where the system does not tell.

    Unlike that of getrusage, it is never the peak of the process this one was forked from.
    """
    found = re.search(r"^VmHWM:\s+(\d+) kB", _text("/proc/self/status"), re.MULTILINE)
    return int(found.group(1)) / 1024 if found else float("nan")


def keep_freed_memory() -> None:
    """Let this process keep what it frees, for images of the same size come again and again.

    Asking the system for fresh pages each time costs as much as resizing an image. Only the C
    library of GNU knows the setting; others do without.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
