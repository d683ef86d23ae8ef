"""Read the frames of video files and cameras, one at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from gluon_ssd.data.images import MAX_PIXELS
from gluon_ssd.errors import DataError
from gluon_ssd.system.address import shown
from gluon_ssd.system.regular_file import open_regular

_log = logging.getLogger(__name__)

_FASTEST = 1000.0  # frames a second that are believed

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")

# These carry an index that holds the number of frames; others a duration, from which it is guessed.
_COUNTED = (".mp4", ".avi", ".mov", ".m4v")
# Playlists name other files and addresses, which FFmpeg would open, also behind the tag of a song.
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"[playlist]", b"ID3")


class Frame(NamedTuple):
    """A frame of a film or a camera.

    number: from 0. pixels: uint8 (H, W, 3), RGB. rate: frames a second by the header, 0 where that
    does not say it.
    """

    number: int
    pixels: np.ndarray
    rate: float


def read_frames(
    source: str | int,
    *,
    every: int = 1,
    timeout_s: float | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[Frame]:
    """Every `every`-th frame of a video, as it is to be shown.

    A file that ends before the number of frames in its header is a warning with both numbers.

    Args:
        source: a video file, the address of a film or a network camera, or the number of a camera.
        every: 1 for all frames.
        timeout_s: how long an address may stay silent, seconds.
        max_pixels: of a frame; a larger one is refused by the header.

    Yields:
        The frames in order. A camera ends when it gives no frame any more.

    Raises:
        DataError: naming the source when not a single frame can be read, the file is no regular
            one, or its frames are too large.
    """
    if is_file := _is_file(source):
        _check_file(str(source))
    limits = []
    if timeout_s is not None:
        milliseconds = int(1000 * timeout_s)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds]
        limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
    video = cv2.VideoCapture(_opened_as(source), cv2.CAP_FFMPEG if limits else cv2.CAP_ANY, limits)
    number = -1
    try:
        _refuse_large(video, source, max_pixels)
        expected, rate = _frames(video) if is_file else 0, _rate(video)
        while (read := video.read())[0]:
            number += 1
            if number % every == 0:
                yield Frame(number, cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB), rate)
    finally:
        video.release()
    if number < 0:
        raise DataError(_no_frame(source))
    if is_file and _ends_early(str(source), number + 1, expected):
        _log.warning(
            "the video %s ends after %d of %d frames; it is cut off or damaged",
            source,
            number + 1,
            expected,
        )


def count_frames(path: str) -> int:
    """Frames of a video file by its header; 0 or less where that does not say it."""
    try:
        _check_file(path)
    except DataError:
        return 0
    video = cv2.VideoCapture(_opened_as(path))
    try:
        return _frames(video)
    finally:
        video.release()


def _is_file(source: str | int) -> bool:
    return isinstance(source, str) and "://" not in source


def _opened_as(source: str | int) -> str | int:
    # A name such as "concat:a" would mean something else to FFmpeg; an absolute path does not.
    return os.path.abspath(source) if isinstance(source, str) and _is_file(source) else source


def _frames(video: cv2.VideoCapture) -> int:
    count = video.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if abs(count) < 1e15 else 0


def _rate(video: cv2.VideoCapture) -> float:
    rate = float(video.get(cv2.CAP_PROP_FPS))
    # What is beyond is a clock's ticks, which containers of cameras carry in its place.
    return rate if 0 < rate <= _FASTEST else 0.0


def _check_file(path: str) -> None:
    """Raise DataError for what is no regular file, is empty, or is a list of other films."""
    try:
        with open_regular(path) as file:
            start = file.read(64)
    except OSError as error:
        raise DataError(
            f"cannot read the video {path}: {error.strerror or error}; replace it or leave it out"
        ) from error
    if not start:
        raise DataError(f"cannot use the video {path}: the file is empty; replace it")
    if start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(_PLAYLISTS):
        raise DataError(
            f"cannot use the video {path}: it is a list of other files; give the films themselves"
        )


def _refuse_large(video: cv2.VideoCapture, source: str | int, max_pixels: int) -> None:
    width = video.get(cv2.CAP_PROP_FRAME_WIDTH)
    height = video.get(cv2.CAP_PROP_FRAME_HEIGHT)
    if width * height > max_pixels:
        raise DataError(
            f"cannot use the video {shown(str(source))}: its frames have "
            f"{width:.0f} x {height:.0f} pixels, allowed are {max_pixels}",
            settings=("max_pixels",),
        )


def _ends_early(path: str, count: int, expected: int) -> bool:
    """Whether frames are missing, by more than a guess of their number may be off."""
    is_exact = path.lower().endswith(_COUNTED)
    return expected - count > (0 if is_exact else max(2, expected // 50))


def _no_frame(source: str | int) -> str:
    if isinstance(source, int):
        return f"camera {source} gives no picture; check that it is plugged in and not in use"
    if "://" in source:
        return f"{shown(source)} gives no picture; check the address"
    return f"cannot decode the video {source}; it is damaged or of an unknown codec"
