"""A graph of images, compiled for threads that follow the load, or for several streams."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.deploy.mxnet.engine_threads import engine_context
from gluon_ssd.deploy.teams import Teams
from gluon_ssd.system.threads import follows_load

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
        self._streams = [compile_on(engine_context(self._share, n)) for n in range(streams)]
        self._turns = itertools.count()
        self._teams: Teams[Compiled] | None = None
        if streams == 1 and threads > 1 and follows_load():
            self._teams = Teams(self._streams[0], self._compile, threads)

    @property
    def threads(self) -> int:
        """Threads that compute; those of the next call where they follow the load."""
        return self._teams.threads if self._teams else self._share * len(self._streams)

    def __call__(self, *inputs: Any) -> list[Any]:
        """As of `CompiledGraph`."""
        if self._teams is not None:
            return self._teams.now()(*inputs)
        return self._streams[next(self._turns) % len(self._streams)](*inputs)

    def _compile(self, threads: int) -> Compiled:
        compiled = self._compile_on(engine_context(threads))
        for output in compiled(self._first_input):
            output.wait_to_read()  # oneDNN prepares its operators
        return compiled
