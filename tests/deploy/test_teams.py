from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from gluon_ssd.deploy import teams
from gluon_ssd.deploy.teams import Teams, team_sizes
from gluon_ssd.errors import ModelError


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine whose `free_cores` a test sets."""
    watch = SimpleNamespace(free_cores=4.0)
    monkeypatch.setattr(teams, "load_watch", lambda: watch)
    return watch


@pytest.mark.parametrize(
    ("threads", "sizes"),
    [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (8, [1, 2, 3, 4, 6, 8])],
)
def test_sizes_are_few_and_near_one_another(threads: int, sizes: list[int]) -> None:
    assert team_sizes(threads) == sizes


def test_networks_for_fewer_threads_are_made_when_they_are_needed_and_kept(machine) -> None:
    made = []

    def compile_for(threads: int) -> str:
        made.append(threads)
        return f"for {threads}"

    found = Teams("whole", compile_for, 4)
    assert (found.now(), found.threads, made) == ("whole", 4, [])
    machine.free_cores = 2.2
    assert (found.threads, found.now(), found.now(), made) == (2, "for 2", "for 2", [2])
    machine.free_cores = 0.3
    assert (found.now(), made) == ("for 1", [2, 1])
    machine.free_cores = 4.0
    assert (found.now(), found.threads, made) == ("whole", 4, [2, 1])


def test_the_whole_team_goes_on_while_another_is_made_aside(machine) -> None:
    may_end = threading.Event()
    starts = []

    def compile_for(threads: int) -> str:
        starts.append(threading.current_thread())
        may_end.wait(20)
        return f"for {threads}"

    found = Teams("whole", compile_for, 2, aside=True)
    machine.free_cores = 1.0
    assert [found.now() for _ in range(3)] == ["whole"] * 3
    assert found.threads == 2
    may_end.set()
    starts[0].join(20)
    assert (found.now(), found.threads, len(starts)) == ("for 1", 1, 1)


@pytest.mark.parametrize("aside", [False, True])
def test_a_network_that_cannot_be_made_leaves_the_whole_team(machine, aside, caplog) -> None:
    made = []

    def fail(threads: int) -> str:
        made.append(threading.current_thread())
        raise ModelError("the file is gone")

    found = Teams("whole", fail, 2, aside=aside)
    machine.free_cores = 1.0
    assert found.now() == "whole"
    if aside:
        made[0].join(20)
    assert (found.now(), found.threads, len(made)) == ("whole", 2, 1)
    assert "no network for 1 threads beside that for all: the file is gone" in caplog.text
