from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gluon_ssd.deploy import teams
from gluon_ssd.deploy.mxnet import compiled_threads
from gluon_ssd.deploy.mxnet.compiled_threads import CompiledForThreads

IMAGE = np.zeros((1, 3, 4, 4), np.float32)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine whose `free_cores` a test sets; contexts are pairs (threads, number)."""
    watch = SimpleNamespace(free_cores=2.0)
    monkeypatch.setattr(teams, "load_watch", lambda: watch)
    monkeypatch.setattr(compiled_threads, "follows_load", lambda: True)
    monkeypatch.setattr(
        compiled_threads, "engine_context", lambda threads, number=0: (threads, number)
    )
    return watch


class Output:
    """Of a graph that ran on a context."""

    def __init__(self, ctx, image):
        self.ctx, self.image, self.waits = ctx, image, 0

    def wait_to_read(self):
        self.waits += 1


def compiled(made, **settings):
    def compile_on(ctx):
        made.append(ctx)
        return lambda image: [Output(ctx, image)]

    return CompiledForThreads(compile_on, first_input=IMAGE, **settings)


def test_one_stream_follows_the_load(machine: SimpleNamespace) -> None:
    made: list[tuple[int, int]] = []
    graph = compiled(made, threads=2, streams=1)
    assert (graph(IMAGE)[0].ctx, graph.threads, made) == ((2, 0), 2, [(2, 0)])
    machine.free_cores = 1.0
    assert (graph(IMAGE)[0].ctx, graph.threads) == ((1, 0), 1)
    machine.free_cores = 2.0
    assert graph(IMAGE)[0].ctx == (2, 0)
    assert made == [(2, 0), (1, 0)]


def test_several_streams_take_turns_and_keep_their_share(machine: SimpleNamespace) -> None:
    made: list[tuple[int, int]] = []
    graph = compiled(made, threads=4, streams=2)
    machine.free_cores = 0.5
    assert [graph(IMAGE)[0].ctx for _ in range(4)] == [(2, 0), (2, 1)] * 2
    assert graph.threads == 4 and made == [(2, 0), (2, 1)]


def test_a_number_that_a_user_has_set_stays(machine, monkeypatch) -> None:
    monkeypatch.setattr(compiled_threads, "follows_load", lambda: False)
    graph = compiled([], threads=2, streams=1)
    machine.free_cores = 0.5
    assert graph(IMAGE)[0].ctx == (2, 0)
