"""Start child processes that end with their parent. Nothing else in the package starts any.

The parent holds one end of a pipe, writes nothing to it, and the child reads from the other. When
the parent ends, in whatever way, the pipe closes, and the child notices. Standard library only.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

_PARENT = "GLUON_SSD_PARENT"  # names the descriptor of the pipe

_CALL = """
import importlib, json, sys
path, module, name, arguments = json.loads(sys.argv[1])
sys.path[:] = path
getattr(importlib.import_module(module), name)(*arguments)
"""


class Child:
    """A running command, in a session of its own: Ctrl-C in a terminal reaches the parent alone.

    Args:
        command: program and arguments.
        pass_fds: descriptors that stay open in the child, under their numbers.
        environment: variables besides those of this process.
        cwd: folder to run in; None for this process's.
        stdin, stdout, stderr: as of subprocess.Popen; None shares this process's stream.

    Attributes:
        process: the running command.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        pass_fds: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: int | IO[bytes] | None = subprocess.DEVNULL,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
    ) -> None:
        reading, writing = os.pipe()
        self._held = open(writing, "wb", buffering=0)  # noqa: SIM115  (until `let_go`)
        try:
            self.process = subprocess.Popen(
                command,
                pass_fds=(*pass_fds, reading),
                env={**os.environ, **(environment or {}), _PARENT: str(reading)},
                cwd=cwd,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        except OSError:
            self._held.close()
            raise
        finally:
            os.close(reading)

    def let_go(self) -> None:
        """Tell the child to end; it does so when it has called `end_with_parent`."""
        self._held.close()

    def kill(self) -> None:
        """End the child at once."""
        self.process.kill()
        self.process.wait()
        self._held.close()

    def end(self, wait_s: float) -> None:
        """Tell the child to end, and kill it where it is still there after `wait_s` seconds."""
        self.let_go()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=wait_s)
        self.kill()

    def output(self, timeout_s: float) -> str:
        """Wait for the end of a child whose stdout is a pipe; what it printed.

        Raises:
            ChildProcessError: it failed, or did not end in time; the reason in one line.
        """
        with self.process:
            try:
                output, errors = self.process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                raise ChildProcessError(f"no answer after {timeout_s:g} s") from None
            finally:
                self.kill()
        code = self.process.returncode
        if code < 0:
            raise ChildProcessError(f"the process was ended by signal {-code}")
        if code > 0:
            lines = (errors or b"").decode("utf-8", errors="replace").strip().splitlines()
            raise ChildProcessError(lines[-1] if lines else "no message")
        return output.decode("utf-8")


def call_of(function: Callable[..., object], *arguments: str | int) -> list[str]:
    """The command that calls a function in a fresh interpreter, which imports its module alone.

    The function is of a module's top level, and calls `end_with_parent`.
    """
    path = [str(entry) for entry in sys.path]
    call = json.dumps([path, function.__module__, function.__name__, arguments])
    return [sys.executable, "-c", _CALL, call]


def is_child() -> bool:
    """Whether this process is a Child that has not called `end_with_parent` yet."""
    return _PARENT in os.environ


def is_stopped(process: int) -> bool:
    """Whether a signal has stopped a process, which then does nothing until it is let go on.

    False where the system does not tell.
    """
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    # The name before it stands in brackets and may hold any character.
    return state.rpartition(")")[2].split()[0] in ("T", "t")


def end_with_parent(end: Callable[[], object] | None = None) -> None:
    """In a child: end when the parent does or lets go, whatever the main thread is doing.

    `end` is called then, in a thread of its own. Elsewhere nothing happens.
    """
    descriptor = os.environ.pop(_PARENT, None)
    if descriptor is not None:
        os.set_inheritable(int(descriptor), False)
        threading.Thread(target=_end, args=(int(descriptor), end), daemon=True).start()


def _end(descriptor: int, end: Callable[[], object] | None) -> None:
    os.read(descriptor, 1)  # returns when the other end is closed
    try:
        if end is not None:
            end()
    finally:
        os._exit(128 + signal.SIGTERM)


def restore_crash_signals() -> None:
    """Restore default signal handlers, so that a native crash ends the process.

    MXNet's own handlers print a trace, and can wait for a lock for ever meanwhile.
    """
    for name in ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGABRT", "SIGILL"):
        signal.signal(signal.Signals[name], signal.SIG_DFL)
