"""Read the frames of cameras, and of films behind addresses, as they come."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue

import cv2

from gluon_ssd.data.capture import (
    Frame,
    frame_rate,
    open_capture,
    prefer_tcp,
    quiet,
    refuse_large,
)
from gluon_ssd.data.images import MAX_PIXELS
from gluon_ssd.errors import DataError
from gluon_ssd.system.address import shown
from gluon_ssd.system.stream_refusal import why_no_stream

_log = logging.getLogger(__name__)

_LOOK_S = 0.1  # between two looks at whether all is to stop
_GRACE_S = 2.0  # in which OpenCV should notice its own limit
_LEAVE_S = 1.0  # in which a camera that sends is left in good order
_ASK_S = 5.0  # for the question why an address gave nothing


def read_live(
    source: str | int,
    *,
    timeout_s: float,
    every: int = 1,
    max_pixels: int = MAX_PIXELS,
    is_live: bool = True,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Frame]:
    """Every `every`-th frame of a camera or of an address, in order; none is dropped.

    They are read in a thread of their own, so that a signal need not wait for a frame that may
    never come. How a camera ended is logged: by itself, or since it sent nothing any more.

    Args:
        source: an address that FFmpeg knows, or the number of a camera.
        timeout_s: how long opening it may take, and how long it may send nothing; a second or
            three pass until that is noticed.
        every: 1 for all frames.
        max_pixels: of a frame; a larger one is refused by the header.
        is_live: whether it is a camera. One is decoded in a single thread: with several FFmpeg
            keeps as many frames back.
        is_stopped: asked while nothing comes; where it says so, the frames end without a word.

    Raises:
        DataError: naming the source, and why as far as that can be found out, when not a single
            frame came, or they are too large.
    """
    session = _Session(source, _settings(source, timeout_s, is_live), timeout_s, max_pixels, every)
    try:
        while (frame := session.next(is_stopped)) is not None:
            yield frame
    finally:
        session.leave()
    if session.is_stalled:
        _log.warning(
            "%s sent nothing for %g seconds, and is left after %d frames",
            _name(source),
            timeout_s,
            session.count,
        )
    elif is_live and not session.is_cut:
        _log.info("%s ended after %d frames", _name(source), session.count)


def _settings(source: str | int, timeout_s: float, is_live: bool) -> list[int]:
    """What FFmpeg is told; the systems of local cameras know none of it."""
    if isinstance(source, int):
        return []
    milliseconds = int(1000 * timeout_s)
    settings = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds]
    settings += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
    return [*settings, cv2.CAP_PROP_N_THREADS, 1] if is_live else settings


class _Session:
    """One camera that is read in another thread.

    Attributes:
        count: frames that came.
        is_stalled: whether it was given up, since nothing came.
        is_cut: whether `is_stopped` ended it.
    """

    def __init__(
        self,
        source: str | int,
        settings: list[int],
        timeout_s: float,
        max_pixels: int,
        every: int,
    ) -> None:
        self._source, self._settings, self._timeout_s = source, settings, timeout_s
        self._max_pixels, self._every = max_pixels, every
        self.count = 0
        self.is_stalled = self.is_cut = False
        # Frames, and at the end an error or None.
        self._handed: Queue[Frame | BaseException | None] = Queue(1)
        self._is_left = threading.Event()
        self._since = time.monotonic()  # when the step began that the thread is at
        # No executor: its threads would keep the program from ending.
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def next(self, is_stopped: Callable[[], bool]) -> Frame | None:
        """The next frame; None after the last one. Raises what `read_live` does."""
        begun = time.monotonic()
        while True:
            try:
                handed = self._handed.get(timeout=_LOOK_S)
            except Empty:
                if is_stopped():
                    self.is_cut = True
                    return None
                silent_s = time.monotonic() - max(begun, self._since)
                if silent_s < self._timeout_s + _GRACE_S:
                    continue
                # OpenCV does not come back: some drivers and the search for a host know no limit.
                self.is_stalled = True
                handed = None if self.count else self._silent()
            if isinstance(handed, BaseException):
                raise handed
            return handed

    def leave(self) -> None:
        """Have the thread end; one that waits for a frame ends when OpenCV gives that up."""
        self._is_left.set()
        with suppress(Empty):
            self._handed.get_nowait()
        self._thread.join(_LEAVE_S)

    def _run(self) -> None:
        end: BaseException | None = None
        try:
            for frame in self._frames():
                self._hand(frame)
        except BaseException as error:
            end = error  # raised again by the thread that waits
        self._hand(end)

    def _hand(self, what: Frame | BaseException | None) -> None:
        while not self._is_left.is_set():
            with suppress(Full):
                self._handed.put(what, timeout=_LOOK_S)
                return

    def _frames(self) -> Iterator[Frame]:
        backend = cv2.CAP_FFMPEG if self._settings else cv2.CAP_ANY
        prefer_tcp()
        begun = time.monotonic()
        video = open_capture(self._source, backend, self._settings)
        try:
            refuse_large(video, self._source, self._max_pixels)
            rate = frame_rate(video)
            while not (self._is_left.is_set() or self.is_stalled):
                self._since = time.monotonic()
                with quiet():
                    is_there, pixels = video.read()
                # After FFmpeg gave up, what it kept back still comes, each after another wait.
                self.is_stalled = self._is_late(self._since)
                if is_there:
                    self.count += 1
                    if (self.count - 1) % self._every == 0:
                        rgb = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
                        yield Frame(self.count - 1, rgb, rate)
                elif not self.is_stalled:
                    break
        finally:
            video.release()
        if not self.count and not self._is_left.is_set():
            raise self._silent() if self._is_late(begun) else self._refused()

    def _is_late(self, since: float) -> bool:
        return time.monotonic() - since >= self._timeout_s

    def _silent(self) -> DataError:
        return DataError(
            f"{_name(self._source)} gives no picture: none came within {self._timeout_s:g} "
            "seconds; check that it is on and can be reached"
        )

    def _refused(self) -> DataError:
        if isinstance(self._source, int):
            return DataError(
                f"{_name(self._source)} gives no picture; check that it is plugged in and not in "
                "use"
            )
        self._since = time.monotonic()
        why = why_no_stream(self._source, min(_ASK_S, self._timeout_s))
        return DataError(f"{_name(self._source)} gives no picture: {why}")


def _name(source: str | int) -> str:
    return f"camera {source}" if isinstance(source, int) else shown(source)
