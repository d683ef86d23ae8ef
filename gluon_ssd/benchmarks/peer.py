"""A child process that answers requests, one after the other: what is measured alone runs in one.

Both sides are this project's. Requests and answers are JSON; errors of the child are raised here.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, Pipe
from types import TracebackType
from typing import IO, Any, NoReturn

from gluon_ssd.errors import EnvironmentProblem, SsdError, from_message, to_message
from gluon_ssd.system.processes import Child, call_of, end_with_parent, restore_crash_signals
from gluon_ssd.system.signals import ending_by

_SHOWN = 4000  # characters of a child's output that an error shows


class Peer:
    """A running child; a context manager that ends it.

    Args:
        answer: function of a module's top level that calls `serve` with the number it is given. The
            child imports its module alone.
        what: is measured, for messages.
        environment: variables besides those of this process.
    """

    def __init__(
        self,
        answer: Callable[[int], object],
        what: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._what = what
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (until `__exit__`)
        self._ours, theirs = Pipe()
        with theirs:
            self._child = Child(
                call_of(answer, theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                environment=environment,
                stdout=self._output,
                stderr=self._output,
            )

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.kill()
        self._ours.close()
        self._output.close()

    def ask(self, do: str, **arguments: Any) -> Any:
        """Have the child call a method, and wait for what it returns.

        Raises:
            SsdError: the method did.
            EnvironmentProblem: the child was ended by a signal.
            RuntimeError: it ended otherwise; with what it printed.
        """
        try:
            self._ours.send_bytes(json.dumps({"do": do, **arguments}).encode())
            message = json.loads(self._ours.recv_bytes())
        except (EOFError, ConnectionError):
            raise self._error_of_end(do) from None
        if "error" in message:
            raise from_message(message["error"])
        return message["result"]

    def _error_of_end(self, do: str) -> Exception:
        code = self._child.process.wait()
        self._output.seek(0)
        text = self._output.read().decode(errors="replace")
        if code >= 0:
            return RuntimeError(f"{self._what} ended with exit code {code}:\n{text[-_SHOWN:]}")
        return EnvironmentProblem(f"{self._what} {ending_by(-code)}, during {do!r}")


def serve(bench: object, connection_number: int) -> NoReturn:
    """The child: call methods of an object until the other side ends, then exit.

    Args:
        bench: its methods take and return what JSON holds.
        connection_number: file descriptor of the pipe to the parent.
    """
    end_with_parent()
    restore_crash_signals()
    connection = Connection(connection_number)
    try:
        while True:
            request = json.loads(connection.recv_bytes())
            connection.send_bytes(json.dumps(_answer(bench, request)).encode())
    except (EOFError, ConnectionError):
        os._exit(0)  # what libraries clean up at exit is not needed, and can fail


def _answer(bench: object, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"result": getattr(bench, request.pop("do"))(**request)}
    except SsdError as error:
        return {"error": to_message(error)}
