"""One detector on a quiet machine, beside busy loops and beside more detectors, in three settings.

The settings are compared in turns in each of the conditions, so that all meet the same
disturbances; what else the machine is doing comes on top and is told.
"""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from subprocess import PIPE
from types import TracebackType
from typing import IO, Any

import numpy as np

from gluon_ssd.benchmarks.contended_peer import burn, serve_detector
from gluon_ssd.benchmarks.turns import take_turns
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.options.benchmark_load import ContendedBenchmark
from gluon_ssd.report.tables import Row
from gluon_ssd.report.timing import latency_statistics
from gluon_ssd.system.processes import Child, call_of
from gluon_ssd.system.threads import CORES_VARIABLE, physical_cores

_log = logging.getLogger(__name__)

FREE, ALL, ONE = "free cores", "all cores", "one thread"
"""Settings: as every program here starts, and two with a fixed number of threads."""

QUIET, LOOPS, DETECTORS = "quiet", "busy loops", "more detectors"

CONTENDED_NOTE = (
    "One image to detections, ms. Free cores: as every program here starts; all cores: always one "
    "thread on each; one thread: always. The more detectors are in the first setting. Goals: on a "
    "quiet machine a median of at most 1.05 of all cores', beside others a p99 of at most twice "
    "one thread's. Threads: that computed, on average. Others: cores that other programs used "
    "meanwhile; in the quiet condition 0 on a machine that is."
)

_WARM_UP_S = 1.0  # more than the load is averaged over
_GRACE_S = 5.0

Measure = Callable[[str], dict[str, Any]]


class Served:
    """A detector in a process of its own.

    Args:
        command: what to start; see `serve_detector`.
        environment: its variables besides those of this process.

    Raises:
        EnvironmentProblem: it ended instead of answering; the last line it wrote.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (until `__exit__`)
        self._child = Child(
            command, environment=environment, stdin=PIPE, stdout=PIPE, stderr=self._errors
        )

    def __enter__(self) -> Served:
        try:
            self.answer()  # that it is ready
        except EnvironmentProblem:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        for stream in (self._child.process.stdin, self._child.process.stdout):
            if stream is not None:
                stream.close()
        self._child.kill()
        self._errors.close()

    def ask(self, seconds: float) -> None:
        """Let it work, for so many seconds after the warm-up."""
        requests = self._child.process.stdin
        assert requests is not None, "the child was started with pipes"
        line = json.dumps({"warm_up": _WARM_UP_S, "seconds": seconds})
        requests.write(line.encode() + b"\n")
        requests.flush()

    def answer(self) -> dict[str, Any]:
        """Wait for its answer."""
        answers = self._child.process.stdout
        assert answers is not None, "the child was started with pipes"
        line = answers.readline()
        if not line:
            raise EnvironmentProblem(f"a detector ended: {self._last_line()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def _last_line(self) -> str:
        self._child.end(_GRACE_S)
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it wrote no message"


def environments(cores: int) -> dict[str, dict[str, str]]:
    """The settings: name -> environment of the detector's process."""
    return {
        FREE: {"OMP_NUM_THREADS": str(cores), CORES_VARIABLE: "free"},
        ALL: {"OMP_NUM_THREADS": str(cores), CORES_VARIABLE: "all"},
        ONE: {"OMP_NUM_THREADS": "1", CORES_VARIABLE: "all"},
    }


def contended_rows(options: ContendedBenchmark) -> list[Row]:
    """Measure; one row for each condition and setting.

    Raises:
        EnvironmentProblem: the model cannot be run; the line that says why.
    """
    command = call_of(
        serve_detector, options.model_prefix, options.named_backend, options.data_shape
    )
    settings = environments(physical_cores())
    with ExitStack() as started:
        _log.info("loading %d detectors ...", len(settings) + options.detectors)
        subjects = {
            name: started.enter_context(Served(command, environment))
            for name, environment in settings.items()
        }
        others = [
            started.enter_context(Served(command, settings[FREE])) for _ in range(options.detectors)
        ]

        def alone(name: str) -> dict[str, Any]:
            subjects[name].ask(options.seconds)
            return subjects[name].answer()

        def beside_detectors(name: str) -> dict[str, Any]:
            for other in others:
                other.ask(options.seconds + _WARM_UP_S)
            found = alone(name)
            for other in others:
                other.answer()
            return found

        rows = _condition_rows(QUIET, alone, options)
        with busy_loops(options.loops, options.nice):
            rows += _condition_rows(LOOPS, alone, options)
        if others:
            rows += _condition_rows(DETECTORS, beside_detectors, options)
    return rows


@contextmanager
def busy_loops(count: int, niceness: int) -> Iterator[None]:
    """Keep so many processes busy, each with a core's worth of work, at this niceness."""
    loops = [Child(call_of(burn, niceness)) for _ in range(count)]
    try:
        time.sleep(_WARM_UP_S)  # they have imported what they need by then
        yield
    finally:
        for loop in loops:
            loop.kill()


def _condition_rows(condition: str, measure: Measure, options: ContendedBenchmark) -> list[Row]:
    _log.info("%s: %d rounds ...", condition, options.rounds)
    ways = {name: lambda _, name=name: measure(name) for name in (FREE, ALL, ONE)}
    return condition_rows(condition, take_turns(ways, options.rounds))


def condition_rows(condition: str, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Row]:
    """Rows of one condition.

    Args:
        condition: its name.
        found: setting -> answers of `serve_detector`, one a turn.
    """
    statistics = {
        name: latency_statistics(np.concatenate([turn["ms"] for turn in turns]) / 1000)
        for name, turns in found.items()
    }
    return [
        {
            "machine": condition,
            "setting": name,
            "median": own.median_ms,
            "p90": own.p90_ms,
            "p99": own.p99_ms,
            "threads": float(np.mean([turn["threads"] for turn in found[name]])),
            "others": float(np.mean([turn["others"] for turn in found[name]])),
            "calls": own.count,
            "median, of all cores'": own.median_ms / statistics[ALL].median_ms,
            "p99, of one thread's": own.p99_ms / statistics[ONE].p99_ms,
        }
        for name, own in statistics.items()
    ]
