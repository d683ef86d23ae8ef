"""Stop in good order when a signal asks for it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from gluon_ssd.errors import Interrupted

# Launchers and shells often deliver a signal twice; a repetition counts only when it comes later.
_REPEAT_S = 2.0

# Ctrl-C, a machine that is shut down or a scheduler's limit, a terminal that was closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# What the processor and the C library send to a program that did something wrong itself.
CRASHES = {
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE),
    *(signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS),
}


def signal_name(number: int) -> str:
    """SIGKILL and the like; real-time signals have no names but the first and the last."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def ending_by(number: int) -> str:
    """How messages tell that a signal ended a process: a crash, or something outside of it."""
    name = signal_name(number)
    if number == signal.SIGKILL:
        return "was killed by signal 9 (SIGKILL), as happens when memory runs out"
    if number == signal.SIGXCPU:
        return f"was ended by {name}, a limit on processor time (ulimit -t)"
    return f"was ended by {name} in native code" if number in CRASHES else f"was ended by {name}"


def not_ignored(numbers: Iterable[signal.Signals]) -> list[signal.Signals]:
    """Those signals that this process reacts to; nohup, for one, has SIGHUP ignored."""
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def handling(
    numbers: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], object]
) -> Iterator[None]:
    """Within the block, call `handler` for these signals; the earlier handlers come back.

    Outside of the main thread Python allows no handlers; there nothing happens.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


class StopRequest:
    """Remembers the first signal, to be honoured after the current step.

    Work that may be cut anywhere is stopped at once, and so is everything by a second signal
    that comes more than two seconds after the first.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._first_s = 0.0
        self._may_cut = False

    def _receive(self, signal_number: int, frame: FrameType | None) -> None:
        waited_s = time.monotonic() - self._first_s
        impatient = self.signal_number is not None and waited_s > _REPEAT_S
        self.ask(signal_number)
        self.signal_number = signal_number
        if self._may_cut or impatient:
            self._may_cut = False
            self.leave()

    def is_asked(self) -> bool:
        """Whether a signal came."""
        return self.signal_number is not None

    def ask(self, signal_number: int) -> None:
        """Take a signal that reached another process of the same run as this one's."""
        if self.signal_number is None:
            self.signal_number = signal_number
            self._first_s = time.monotonic()

    def leave(
        self, where: str = "before the current step was saved", *, settings: Sequence[str] = ()
    ) -> None:
        """Raise Interrupted for the signal that came, if one came."""
        if self.signal_number is not None:
            name = signal.Signals(self.signal_number).name
            raise Interrupted(f"stopped by {name} {where}", self.signal_number, settings=settings)

    @contextmanager
    def may_cut(self) -> Iterator[None]:
        """Within this block a signal raises Interrupted at once instead of waiting for a step."""
        self.leave()
        self._may_cut = True
        try:
            yield
        finally:
            self._may_cut = False


@contextmanager
def listening(request: StopRequest | None = None) -> Iterator[StopRequest]:
    """Take over SIGNALS within the block, and give them back afterwards.

    SIGHUP stays ignored where it is, as nohup has it. Outside of the main thread no signal comes.

    Args:
        request: what remembers them; None makes a new one.
    """
    request = StopRequest() if request is None else request
    with handling([signal.SIGINT, signal.SIGTERM, *not_ignored([signal.SIGHUP])], request._receive):
        yield request
