"""Open films and cameras with OpenCV, which writes nothing on the terminal meanwhile."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import cv2
import numpy as np

from gluon_ssd.errors import DataError
from gluon_ssd.system.address import shown

_FASTEST = 1000.0  # frames a second that are believed

_LOG_LEVEL = "OPENCV_LOG_LEVEL"
_FFMPEG_LEVELS = ("OPENCV_FFMPEG_LOGLEVEL", "OPENCV_FFMPEG_DEBUG")
_NOTHING = "-8"  # AV_LOG_QUIET
_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"

_lock = threading.Lock()
_inside = 0  # blocks of `quiet`, of any thread
_before = 0  # OpenCV's level outside of them


class Frame(NamedTuple):
    """A frame of a film or a camera.

    number: from 0. pixels: uint8 (H, W, 3), RGB. rate: frames a second by the header, 0 where that
    does not say it.
    """

    number: int
    pixels: np.ndarray
    rate: float


@contextmanager
def quiet() -> Iterator[None]:
    """Within the block OpenCV and FFmpeg write no lines of their own, which may show passwords.

    Who asked for them by OpenCV's variables of the environment gets them. FFmpeg reads its own at
    the first film of a process, and stays as it was then.
    """
    global _inside, _before
    if not any(name in os.environ for name in _FFMPEG_LEVELS):
        os.environ[_FFMPEG_LEVELS[0]] = _NOTHING
    if _LOG_LEVEL in os.environ:
        yield
        return
    with _lock:
        if _inside == 0:
            _before = cv2.setLogLevel(0)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                cv2.setLogLevel(_before)


def open_capture(
    source: str | int, backend: int = cv2.CAP_ANY, settings: Sequence[int] = ()
) -> cv2.VideoCapture:
    """A film or camera, which may turn out not to be open.

    Args:
        source: a path, an address, or the number of a camera.
        backend: cv2.CAP_FFMPEG and the like.
        settings: pairs of a cv2.CAP_PROP_ and its value, which that backend must know.
    """
    with quiet():
        return cv2.VideoCapture(source, backend, list(settings))


def prefer_tcp() -> None:
    """Have FFmpeg take RTSP over TCP where a camera offers it, unless OpenCV's variable is there.

    OpenCV means to do so itself; its wheel 4.11.0.86 does it only where the variable says
    something, whatever that is (its issue 27091).
    """
    os.environ.setdefault(_OPTIONS, "rtsp_flags;prefer_tcp")


def frame_rate(video: cv2.VideoCapture) -> float:
    """Frames a second by the header; 0 where it does not say that."""
    rate = float(video.get(cv2.CAP_PROP_FPS))
    # What is beyond is a clock's ticks, which containers of cameras carry in its place.
    return rate if 0 < rate <= _FASTEST else 0.0


def refuse_large(video: cv2.VideoCapture, source: str | int, max_pixels: int) -> None:
    """Raise DataError where frames have more pixels than that, by the header."""
    width = video.get(cv2.CAP_PROP_FRAME_WIDTH)
    height = video.get(cv2.CAP_PROP_FRAME_HEIGHT)
    if width * height > max_pixels:
        name = shown(source) if isinstance(source, str) else f"camera {source}"
        raise DataError(
            f"cannot use the video {name}: its frames have "
            f"{width:.0f} x {height:.0f} pixels, allowed are {max_pixels}",
            settings=("max_pixels",),
        )
