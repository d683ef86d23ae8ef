"""How much memory this process may still take."""

from __future__ import annotations

import re
from pathlib import Path


def available_bytes() -> int | None:
    """Memory that can be had without swapping, within the limits of a container.

    Returns:
        None where the system does not tell.
    """
    found = [value for value in (_of_machine(), _of_container()) if value is not None]
    return min(found, default=None)


def _of_machine() -> int | None:
    text = _text("/proc/meminfo")
    line = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(line.group(1)) * 1024 if line else None


def _of_container() -> int | None:
    limit, used = (_text(f"/sys/fs/cgroup/memory.{name}").strip() for name in ("max", "current"))
    return int(limit) - int(used) if limit.isdigit() and used.isdigit() else None


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
