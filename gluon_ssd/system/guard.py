"""Run a long command in a child process, so that a crash in native code becomes one line.

The child is the same command line once more; the process that was started only waits for it and
passes signals on. The child ends in good order when that process is gone. Standard library only.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.processes import Child, end_with_parent, is_child, restore_crash_signals
from gluon_ssd.system.signals import CRASHES, SIGNALS, ending_by, handling, not_ignored

MODEL_ADVICE = "the files of the model may be damaged: export it anew"
"""What to do after a crash of a command that runs a model."""
_GRACE_S = 60.0
_joined = False  # whether this process is the child, and has said so


def run_guarded(what: str, *, left: str = "", advice: str = "") -> int:
    """Run the command line of this process in a child; it shares input, output and errors.

    Args:
        what: what is running, for the message.
        left: what there is of its work after any sudden end.
        advice: what to do after a crash; who was killed from outside is not given it.

    Returns:
        The child's exit code, or 128 + number where a signal ended it that came to this process.

    Raises:
        EnvironmentProblem: the child crashed, or was killed.
    """
    passed_on: list[int] = []
    child: Child | None = None

    def receive(number: int, frame: FrameType | None) -> None:
        passed_on.append(number)
        if child is not None:
            child.process.send_signal(number)

    with handling(not_ignored(SIGNALS), receive):
        child = Child([sys.executable, *_own_command()], stdin=None)
        try:
            for number in list(passed_on):  # came while the child was being started
                child.process.send_signal(number)
            code = child.process.wait()
        finally:
            child.kill()
    if code >= 0:
        return code
    if -code in passed_on:
        return 128 - code
    is_killed = -code == signal.SIGKILL
    parts = [
        f"{what} {ending_by(-code)}",
        left,
        "free memory or use smaller batches" if is_killed else advice if -code in CRASHES else "",
    ]
    raise EnvironmentProblem(
        "; ".join(part for part in parts if part), settings=("batch_size",) if is_killed else ()
    )


def _own_command() -> list[str]:
    """What came after the interpreter on this command line."""
    # Started as python -m gluon_ssd.entry.NAME; as a file it would not find the package.
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None and spec.name.startswith(f"{__name__.partition('.')[0]}."):
        return ["-m", spec.name, *sys.argv[1:]]
    return sys.argv


def join_guard() -> None:
    """In the child: a crash ends it at once, and it ends with its parent.

    In any other process nothing happens.
    """
    global _joined
    if is_child():
        _joined = True
        end_with_parent(_end_in_good_order)
        let_crashes_end()


def let_crashes_end() -> None:
    """In the child, after MXNet was imported, whose own handlers can wait for ever after a crash.

    In any other process nothing happens, and in any other thread than the main one, where Python
    sets no handlers: who imports MXNet in another one calls this afterwards.
    """
    if _joined and threading.current_thread() is threading.main_thread():
        restore_crash_signals()


def _end_in_good_order() -> None:
    # To the main thread itself, which may be asleep.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    threading.Event().wait(_GRACE_S)
