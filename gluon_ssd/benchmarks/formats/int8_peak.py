"""The process that measures how many int8 operations a second this CPU does at best."""

from __future__ import annotations

import time
from collections.abc import Callable

from gluon_ssd.benchmarks.peer import serve
from gluon_ssd.errors import EnvironmentProblem


class PeakBench:
    """Large convolutions of OpenVINO; requests are calls of its methods."""

    def __init__(self) -> None:
        self._run: Callable[[], object] = lambda: None

    def load(self, *, threads: int) -> dict[str, int]:
        """Compile them; "operations" says how many one call does.

        Raises:
            EnvironmentProblem: OpenVINO is not installed.
        """
        try:
            from gluon_ssd.deploy.openvino.int8_peak import int8_convolutions
        except ImportError as error:
            raise EnvironmentProblem(f"OpenVINO cannot be imported: {error}") from error
        self._run, operations = int8_convolutions(threads)
        self._run()
        return {"operations": operations}

    def time(self, *, calls: int) -> list[float]:
        """Seconds of single calls, after one that does not count."""
        self._run()
        times = []
        for _ in range(calls):
            start = time.perf_counter()
            self._run()
            times.append(time.perf_counter() - start)
        return times


def answer(connection_number: int) -> None:
    """Serve a `Peer`."""
    serve(PeakBench(), connection_number)
