"""Memory, as the machine and a container's limit tell it."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gluon_ssd.system import memory
from tests.layout_rules import ROOT

GIB = 1 << 30


@pytest.mark.parametrize(
    ("texts", "available"),
    [
        ({}, None),
        ({"meminfo": "MemTotal: 9 kB\nMemAvailable:   2048 kB\n"}, 2048 * 1024),
        ({"meminfo": "MemAvailable: 2048 kB", "memory.max": "900", "memory.current": "800"}, 100),
        ({"meminfo": "MemAvailable: 1 kB", "memory.max": "max", "memory.current": "8"}, 1024),
        ({"memory.limit_in_bytes": "70\n", "memory.usage_in_bytes": "60\n"}, 10),
    ],
    ids=["unknown", "machine", "container", "no_limit", "version_1"],
)
def test_the_least_of_what_is_told_counts(monkeypatch, texts, available):
    monkeypatch.setattr(memory, "_text", lambda path: texts.get(path.rsplit("/", 1)[1], ""))
    assert memory.available_bytes() == available


def test_this_machine_tells():
    assert GIB // 10 < (memory.available_bytes() or 0) < 1 << 50


def test_peak_is_what_the_system_says_and_grows_with_what_is_held() -> None:
    before = memory.peak_mib()
    held = bytearray(64 << 20)
    kib = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert kib is not None
    assert memory.peak_mib() == pytest.approx(int(kib[1]) / 1024, rel=0.02)
    assert memory.peak_mib() >= max(before, 64) and held[-1] == 0


@pytest.mark.parametrize("status", ["Name: x", ""], ids=["line", "file"])
def test_peak_is_unknown_where_the_system_does_not_say(monkeypatch, status: str) -> None:
    monkeypatch.setattr(memory, "_text", lambda path: status)
    assert math.isnan(memory.peak_mib())


_FAULTS = """
import resource, numpy
from gluon_ssd.system.memory import keep_freed_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        images = [numpy.ones(3_000_000, numpy.uint8) for _ in range(3)]
        del images
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
{call}
faults()
print(faults())
"""


def test_kept_memory_is_used_again_without_asking_for_pages():
    counts = {}
    for call in ("", "keep_freed_memory()"):
        command = [sys.executable, "-c", _FAULTS.format(call=call)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        counts[call] = int(ended.stdout)
    # 22 000 pages, unless the C library is another one.
    assert counts["keep_freed_memory()"] < 1000 or counts[""] < 1000
    assert counts["keep_freed_memory()"] <= counts[""]


def test_another_c_library_does_without(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    memory.keep_freed_memory()
