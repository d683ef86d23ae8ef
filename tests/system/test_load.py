"""The load of others: from counters to the number of threads that suits."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import pytest

from gluon_ssd.system import load
from gluon_ssd.system.load import (
    LoadMeter,
    LoadWatch,
    Moment,
    best_team,
    cores_of_others,
    read_moment,
)

STAT = """\
cpu  900 0 100 1200 300 0 0 0 0 0
cpu0 400 0 50 700 100 0 0 0 0 0
cpu1 500 0 50 500 200 0 0 0 0 0
cpu10 500 0 50 900 900 0 0 0 0 0
intr 1 2 3
"""


def test_idle_time_is_that_of_the_processors_of_this_process(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(STAT)
    ticks = os.sysconf("SC_CLK_TCK")
    both = read_moment({0, 1}, tmp_path / "stat")
    one = read_moment({1}, tmp_path / "stat")
    assert both is not None and both.idle_s == pytest.approx(1500 / ticks)
    assert one is not None and one.idle_s == pytest.approx(700 / ticks)


def test_a_system_that_does_not_tell_counts_as_quiet(tmp_path: Path) -> None:
    assert read_moment({0}, tmp_path / "none") is None
    (tmp_path / "stat").write_text("intr 1\n")
    assert read_moment({0}, tmp_path / "stat") is None
    assert LoadWatch(lambda: None, 4).free_cores == 4


def test_others_are_what_is_neither_idle_nor_own() -> None:
    before = Moment(10.0, 100.0, 5.0)
    assert cores_of_others(before, Moment(12.0, 101.0, 6.0), 2) == pytest.approx(1.0)
    assert cores_of_others(before, Moment(12.0, 104.0, 5.0), 2) == 0
    assert cores_of_others(before, Moment(12.0, 104.1, 5.1), 2) == 0  # as counters round


@pytest.mark.parametrize(
    ("sizes", "free", "threads"),
    [
        ([1, 2], 2.0, 2),
        ([1, 2], 1.85, 2),
        ([1, 2], 1.7, 1),
        ([1, 2], 0.1, 1),
        ([1, 2, 3, 4], 3.1, 3),
        ([1, 2, 4], 3.1, 2),
        ([4], 1.0, 4),
    ],
)
def test_the_team_is_the_largest_that_has_a_core_for_each(
    sizes: list[int], free: float, threads: int
) -> None:
    assert best_team(sizes, free) == threads


def watch_of(monkeypatch: pytest.MonkeyPatch, others: list[float]) -> LoadWatch:
    """A watch of two processors, each look at which finds the next of these loads."""
    times = itertools.count(100.0, 0.25)
    now = {"s": next(times)}
    monkeypatch.setattr(load.time, "monotonic", lambda: now["s"])
    idle = itertools.accumulate((0.25 * (2 - other) for other in others), initial=0.0)
    watch = LoadWatch(lambda: Moment(now["s"], next(idle), 0.0), 2)
    watch.next_window = lambda: now.update(s=next(times))  # type: ignore[attr-defined]
    return watch


def test_a_load_is_noticed_at_once_and_its_end_after_two_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch = watch_of(monkeypatch, [0, 0, 1.5, 0, 0, 0])
    found = []
    for _ in range(6):
        watch.next_window()  # type: ignore[attr-defined]
        found.append(watch.free_cores)
    assert found == pytest.approx([2, 2, 0.5, 0.5, 2, 2])


def test_between_two_windows_nobody_looks() -> None:
    looks = []

    def look() -> Moment:
        looks.append(1)
        return Moment(time.monotonic(), 0.0, 0.0)

    watch = LoadWatch(look, 2)
    assert [watch.free_cores for _ in range(50)] == [2] * 50
    assert len(looks) == 1


def test_a_busy_process_is_another_and_this_one_is_not() -> None:
    meter, start, worked = LoadMeter(), time.perf_counter(), time.process_time()
    while time.perf_counter() < start + 0.5:
        pass
    # What this process got: less than a core where others are busy.
    share = (time.process_time() - worked) / (time.perf_counter() - start)
    others = meter.cores_of_others()
    assert others is None or 0 <= others <= len(os.sched_getaffinity(0)) - share + 0.2


@pytest.mark.parametrize(
    ("others", "said"), [(None, ""), (0.1, ""), (1.26, "other programs used 1.3 of ")]
)
def test_the_notice(monkeypatch: pytest.MonkeyPatch, others: float | None, said: str) -> None:
    monkeypatch.setattr(LoadMeter, "cores_of_others", lambda self: others)
    notice = LoadMeter().notice()
    assert said in notice and bool(said) == bool(notice)


def test_the_watch_of_a_process_is_one() -> None:
    assert load.load_watch() is load.load_watch()
