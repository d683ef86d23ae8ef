from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gluon_ssd.deploy import engine_teams, teams
from gluon_ssd.deploy.engine import Engine
from gluon_ssd.deploy.engine_teams import FollowingEngine, follow_load


class NumberEngine(Engine):
    """Its output is the number of its threads, or minus that in bfloat16."""

    def __init__(self, threads: int, streams: int = 1, sign: int = 1) -> None:
        self.threads, self.streams, self._sign = threads, streams, sign
        self.record = "{}"
        self.input, self.shapes = ("images", "float32", (None, 3, 4, 4)), {"number": (1,)}

    def compute(self, images, names):
        return [np.full(1, self._sign * self.threads)]

    def in_precision(self, dtype):
        return NumberEngine(self.threads, sign=-1) if dtype == "bfloat16" else None


def number(engine: Engine) -> int:
    return int(engine.outputs(np.zeros((1, 3, 4, 4), np.float32), ["number"])[0][0])


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine whose `free_cores` a test sets; networks are made at once."""
    watch = SimpleNamespace(free_cores=2.0)
    monkeypatch.setattr(teams, "load_watch", lambda: watch)
    monkeypatch.setattr(engine_teams, "follows_load", lambda: True)
    in_turn = SimpleNamespace(Lock=teams.threading.Lock, Thread=AtOnce)
    monkeypatch.setattr(teams, "threading", in_turn)
    return watch


class AtOnce:
    def __init__(self, target, args):
        self.start = lambda: target(*args)


def test_an_engine_follows_the_load_in_either_type(machine: SimpleNamespace) -> None:
    engine = follow_load(NumberEngine(2), NumberEngine)
    lower = engine.in_precision("bfloat16")
    assert isinstance(engine, FollowingEngine) and lower is not None
    found = []
    for free in (2.0, 0.5, 2.0):
        machine.free_cores = free
        number(engine), number(lower)
        found.append((number(engine), number(lower), engine.threads))
    assert found == [(2, -2, 2), (1, -1, 1), (2, -2, 2)]


def test_it_has_the_facts_of_the_engine_and_refuses_what_that_refuses(machine) -> None:
    engine = follow_load(NumberEngine(2), NumberEngine)
    assert (engine.input[0], engine.shapes, engine.streams) == ("images", {"number": (1,)}, 1)
    assert engine.record == "{}"
    assert engine.in_precision("float16") is None


@pytest.mark.parametrize(
    ("engine", "is_fixed", "follows"),
    [
        (NumberEngine(2), True, True),
        (NumberEngine(2, streams=2), False, True),
        (NumberEngine(1), False, True),
        (NumberEngine(2), False, False),
    ],
    ids=["a number was asked for", "streams", "one thread", "all cores"],
)
def test_engines_that_stay_as_they_are(machine, monkeypatch, engine, is_fixed, follows) -> None:
    monkeypatch.setattr(engine_teams, "follows_load", lambda: follows)
    assert follow_load(engine, NumberEngine, is_fixed=is_fixed) is engine
