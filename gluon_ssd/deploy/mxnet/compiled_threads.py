"""A compiled graph of images for the threads that suit the load, or one stream after another."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.deploy.mxnet.engine_threads import engine_context
from gluon_ssd.deploy.teams import Teams

Compiled = Callable[..., list[Any]]


class CompiledForThreads:
    """A graph that is compiled once for each context it runs on.

    Args:
        compile_on: context -> the compiled graph.
        threads: that compute at most.
        streams: calls that are computed beside one another, each with its share of the threads;
            with one, the threads follow the load of the machine.
        first_input: what a graph for fewer threads is run on before it is used.
    """

    def __init__(
        self,
        compile_on: Callable[[Any], Compiled],
        *,
        threads: int,
        streams: int,
        first_input: NDArray[np.float32],
    ) -> None:
        self._compile_on, self._first_input = compile_on, first_input
        self._share = max(1, threads // streams)
        self._teams = [
            Teams(functools.partial(self._compile, number), self._share, fixed=streams > 1)
            for number in range(streams)
        ]
        self._turns = itertools.count()

    @property
    def threads(self) -> int:
        """Threads that the next call of each stream is computed with, all together."""
        return sum(team.threads for team in self._teams)

    def __call__(self, *inputs: Any) -> list[Any]:
        """As of `CompiledGraph`."""
        team = self._teams[next(self._turns) % len(self._teams)]
        return team.now()(*inputs)

    def _compile(self, number: int, threads: int) -> Compiled:
        compiled = self._compile_on(engine_context(threads, number))
        if threads != self._share:
            for output in compiled(self._first_input):
                output.wait_to_read()  # oneDNN prepares its operators
        return compiled
