"""Share cases among worker processes, and note how each one ended, those that it killed too."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gluon_ssd.errors import SsdError
from gluon_ssd.system.processes import Child
from scripts.fuzzing.case import Ended

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 10.0
_START_S = 300.0  # of a worker, on a machine that is busy
_SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Task:
    """Cases `first` to `last`, the last one left out, of a kind."""

    kind: str
    first: int
    last: int


class Pool:
    """Runs tasks in `jobs` processes.

    Args:
        seed: of the cases.
        seeds: folder with the sound inputs, a folder for each kind.
        jobs: processes at a time.
        limit_s: of a case; one that takes longer is tried once more by itself before it counts,
            since something else may have kept the machine busy.
    """

    def __init__(self, seed: int, seeds: Path, jobs: int, limit_s: float = LIMIT_S) -> None:
        self._seed, self._seeds, self._jobs, self._limit_s = seed, seeds, jobs, limit_s
        self._lock = threading.Lock()
        self._has_failed = False

    def run(self, tasks: Sequence[Task], on_end: Callable[[Ended], object]) -> None:
        """Run all tasks; `on_end` is called with every case, by one thread at a time."""
        waiting = list(reversed(tasks))
        with ThreadPoolExecutor(self._jobs) as threads:
            works = [threads.submit(self._work, waiting, on_end) for _ in range(self._jobs)]
        for work in works:
            work.result()

    def _work(self, waiting: list[Task], on_end: Callable[[Ended], object]) -> None:
        process: _Process | None = None
        try:
            while not self._has_failed:
                with self._lock:
                    if not waiting:
                        break
                    task = waiting.pop()
                first = task.first
                while first < task.last:
                    if process is None or process.kind != task.kind:
                        if process is not None:
                            process.end()
                        process = _Process(task.kind, self._seed, self._seeds)
                    first, process = self._some(process, Task(task.kind, first, task.last), on_end)
        except BaseException:
            self._has_failed = True
            raise
        finally:
            if process is not None:
                process.end()

    def _some(
        self, process: _Process, task: Task, on_end: Callable[[Ended], object]
    ) -> tuple[int, _Process | None]:
        """Cases until the task or the process ends: the next one, and the process if it lives."""
        number = task.first
        for ended in process.run(task, self._limit_s):
            if ended.outcome == "time":
                ended = self._again(ended)
            with self._lock:
                on_end(ended)
            number += 1
        return number, process if process.is_alive else None

    def _again(self, ended: Ended) -> Ended:
        process = _Process(ended.kind, self._seed, self._seeds)
        try:
            task = Task(ended.kind, ended.number, ended.number + 1)
            return next(process.run(task, self._limit_s))
        finally:
            process.end()


class _Process:
    """A worker process of a kind."""

    def __init__(self, kind: str, seed: int, seeds: Path) -> None:
        self.kind, self._seed, self.is_alive = kind, seed, True
        above = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None
        self._folder = tempfile.TemporaryDirectory(prefix=f"fuzz-{kind}-", dir=above)
        self._errors = tempfile.TemporaryFile("a+b")
        places = [str(seeds / kind), self._folder.name]
        self._child = Child(
            [sys.executable, "-m", "scripts.fuzzing.worker", kind, str(seed), *places],
            cwd=ROOT,
            # A case costs less than waking a second thread, and the processes share the cores.
            environment={"OMP_NUM_THREADS": "1", "MXNET_ENGINE_TYPE": "NaiveEngine"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._rest = b""
        ready = self._line(_START_S)
        if ready != '"ready"':
            said = self._said(2000)
            self.end()
            raise SsdError(f"the worker of {kind} does not start: {said}")

    def run(self, task: Task, limit_s: float) -> Iterator[Ended]:
        """The cases of a task; fewer when one of them ended the process."""
        request = f"{task.first} {task.last}\n".encode()
        stdin = self._child.process.stdin
        assert stdin is not None, "it was asked for"
        stdin.write(request)
        stdin.flush()
        for number in range(task.first, task.last):
            started = time.monotonic()
            line = self._line(limit_s)
            if line:
                yield Ended(**json.loads(line))
                continue
            yield self._death(number, time.monotonic() - started)
            return

    def end(self) -> None:
        """End the process and take away its folder; a second call does nothing."""
        if self._child.process.returncode is None or not self._errors.closed:
            self.is_alive = False
            self._child.kill()
            for stream in (self._child.process.stdin, self._child.process.stdout):
                if stream is not None:
                    stream.close()
            self._errors.close()
            self._folder.cleanup()

    def _death(self, number: int, seconds: float) -> Ended:
        is_late = self._child.process.poll() is None
        try:
            # A process that closed its end of the pipe may take a moment to be gone.
            code = self._child.process.wait(timeout=0 if is_late and seconds > 1 else 30)
            outcome, why = "signal", f"exit code {code}"
            if code < 0:
                why = signal.Signals(-code).name
        except subprocess.TimeoutExpired:
            outcome, why = "time", f"no end after {seconds:.1f} s"
        said = self._said(1500)
        if outcome == "signal" and code == 1:  # what readers raise does not end a worker
            self.end()
            raise SsdError(f"case {number} of {self.kind} cannot be made: {said}")
        if "bad_alloc" in said or "MemoryError" in said:
            outcome = "memory"
        self.end()
        return Ended(self.kind, number, outcome, seconds, detail=f"{why}\n{said}".strip())

    def _line(self, limit_s: float) -> str:
        """The next line of its output; empty when it ended or says nothing in time."""
        stdout = self._child.process.stdout
        assert stdout is not None, "it was asked for"
        ends_at = time.monotonic() + limit_s
        while b"\n" not in self._rest:
            left = ends_at - time.monotonic()
            if left <= 0 or not select.select([stdout], [], [], left)[0]:
                return ""
            block = os.read(stdout.fileno(), 1 << 16)
            if not block:
                return ""
            self._rest += block
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def _said(self, most: int) -> str:
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - most))
        return self._errors.read().decode("utf-8", errors="replace")


@contextmanager
def prepared(kinds: Sequence[str]) -> Iterator[Path]:
    """A folder with the sound inputs of kinds, made by a process for each; gone after the block.

    Raises SsdError when one cannot be made.
    """
    with tempfile.TemporaryDirectory(prefix="fuzz-seeds-") as folder:
        for kind in kinds:
            code = (
                "import sys, pathlib; from scripts.fuzzing.catalog import find_kind; "
                "find_kind(sys.argv[1]).prepare(pathlib.Path(sys.argv[2]))"
            )
            place = Path(folder, kind)
            place.mkdir()
            run = subprocess.run(
                [sys.executable, "-c", code, kind, str(place)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            if run.returncode:
                raise SsdError(f"the sound inputs of {kind} cannot be made: {run.stderr[-1500:]}")
        yield Path(folder)
