"""Free memory, as the machine and a container's limit tell it."""

from __future__ import annotations

import pytest

from gluon_ssd.system import memory

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
