"""A service in a process of its own, as scripts/serve_ssd.py runs it."""

from __future__ import annotations

import http.client
import json
import re
import signal
import time
from subprocess import PIPE
from types import TracebackType
from typing import Any

from gluon_ssd.commands.wiring.serving import run_service
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.options.serve import ServeCommand
from gluon_ssd.system.guard import join_guard
from gluon_ssd.system.log import console_log
from gluon_ssd.system.processes import Child, call_of
from gluon_ssd.system.script import run_main
from gluon_ssd.system.threads import use_whole_cpu

_READY_S = 300.0
_END_S = 60.0
_MEMORY = re.compile(rb"^process_resident_memory_bytes (\S+)$", re.MULTILINE)


class Served:
    """A running service; a context manager that ends it.

    Args:
        options: of `ServeCommand`, by name; it listens on loopback, at a port of its own choice.

    Attributes:
        port: where it listens.

    Raises:
        EnvironmentProblem: it ended instead; the last line it wrote.
    """

    def __init__(self, **options: Any) -> None:
        text = json.dumps({**options, "port": 0})
        self._child = Child(call_of(_run, text), stderr=PIPE)
        self.port = 0

    def __enter__(self) -> Served:
        try:
            self.port = self._read_port()
            end = time.monotonic() + _READY_S
            while self._get("/ping")[0] != 200:
                if time.monotonic() > end:
                    raise EnvironmentProblem(f"the service was not ready within {_READY_S:g} s")
                time.sleep(0.1)
        except (OSError, http.client.HTTPException) as error:
            reason = self._last_line() or str(error)
            self._close()
            raise EnvironmentProblem(f"the service ended: {reason}") from error
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

    @property
    def memory_mib(self) -> float:
        """Memory that its process holds."""
        found = _MEMORY.search(self._get("/metrics")[1])
        return float(found[1]) / (1 << 20) if found else float("nan")

    def end(self) -> int:
        """Ask it to end; its exit code."""
        self._child.process.send_signal(signal.SIGTERM)
        return self._child.process.wait(timeout=_END_S)

    def _read_port(self) -> int:
        errors = self._child.process.stderr
        assert errors is not None, "the child was started with a pipe"
        lines = []
        for line in errors:
            if found := re.search(rb"http://127\.0\.0\.1:(\d+)", line):
                return int(found[1])
            lines.append(line.decode(errors="replace").strip())
        raise EnvironmentProblem(f"the service ended: {lines[-1] if lines else 'without a word'}")

    def _last_line(self) -> str:
        errors = self._child.process.stderr
        assert errors is not None, "the child was started with a pipe"
        self._child.end(_END_S)
        lines = errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_END_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _close(self) -> None:
        self._child.kill()
        if self._child.process.stderr is not None:
            self._child.process.stderr.close()


def _run(options: str) -> None:
    """The child: serve with these options of `ServeCommand`, as JSON."""
    raise SystemExit(run_main(lambda: _serve(ServeCommand(**json.loads(options)))))


def _serve(command: ServeCommand) -> int:
    join_guard()
    use_whole_cpu(threads=command.threads)
    with console_log():
        run_service(command)
    return 0
