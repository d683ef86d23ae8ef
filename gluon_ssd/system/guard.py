"""Run a long command in a child process, so that a crash in native code becomes one line.

The child is the same command line once more; the process that was started only waits for it and
passes signals on. The child ends in good order when that process is gone. Standard library only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from types import FrameType

from gluon_ssd.errors import EnvironmentProblem

_PARENT = "GLUON_SSD_PARENT"
"""Names the descriptor of a pipe whose other end closes with the process that waits."""

_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGABRT, signal.SIGILL)
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE_S = 60.0


def is_guarded() -> bool:
    """Whether this process is the child."""
    return _PARENT in os.environ


def run_guarded(what: str, advice: str) -> int:
    """Run the command line of this process in a child; it shares input, output and errors.

    Args:
        what: is running, for the message.
        advice: what to do after a crash.

    Returns:
        The child's exit code, or 128 + number where a signal ended it that came to this process.

    Raises:
        EnvironmentProblem: the child crashed, or was killed.
    """
    passed_on: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def receive(number: int, frame: FrameType | None) -> None:
        passed_on.append(number)
        if child is not None:
            child.send_signal(number)

    heard = [number for number in _PASSED_ON if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, receive) for number in heard}
    reading, writing = os.pipe()
    try:
        child = subprocess.Popen(
            [sys.executable, *sys.argv],
            env={**os.environ, _PARENT: str(reading)},
            pass_fds=(reading,),
            # A terminal signals its whole group; the child gets each signal from here, once.
            start_new_session=True,
        )
        os.close(reading)
        for number in list(passed_on):  # came while the child was being started
            child.send_signal(number)
        code = child.wait()
    finally:
        if child is not None and child.poll() is None:
            child.kill()
            child.wait()
        os.close(writing)
        for number, handler in before.items():
            signal.signal(number, handler)
    if code >= 0:
        return code
    if -code in passed_on:
        return 128 - code
    raise EnvironmentProblem(f"{what} {_cause(-code)}; {advice}")


def _cause(number: int) -> str:
    name = signal.Signals(number).name
    if number == signal.SIGKILL:
        return f"was ended by {name}; memory may have run out: use a smaller --batch-size"
    return f"was ended by {name} in native code"


def join_guard() -> None:
    """In the child, after MXNet was imported: crash at a crash, and end when the parent does.

    Elsewhere nothing happens.
    """
    descriptor = os.environ.pop(_PARENT, None)
    if descriptor is None:
        return
    os.set_inheritable(int(descriptor), False)
    crash_plainly()
    threading.Thread(target=_end_with_parent, args=(int(descriptor),), daemon=True).start()


def crash_plainly() -> None:
    """Take MXNet's handlers off: they print a trace, and can wait for a lock for ever meanwhile."""
    for number in _CRASHES:
        signal.signal(number, signal.SIG_DFL)


def _end_with_parent(descriptor: int) -> None:
    os.read(descriptor, 1)  # nothing is ever written: this returns when the other end is closed
    # To the main thread itself, which may be asleep.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    threading.Event().wait(_GRACE_S)
    os._exit(128 + signal.SIGTERM)
