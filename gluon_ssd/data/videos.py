"""Read the frames of video files, one at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import cv2

from gluon_ssd.data.capture import Frame, frame_rate, open_capture, quiet, refuse_large
from gluon_ssd.data.images import MAX_PIXELS
from gluon_ssd.errors import DataError
from gluon_ssd.system.regular_file import open_regular

_log = logging.getLogger(__name__)

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")

# These carry an index that holds the number of frames; others a duration, from which it is guessed.
_COUNTED = (".mp4", ".avi", ".mov", ".m4v")
# Playlists name other files and addresses, which FFmpeg would open, also behind the tag of a song.
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"[playlist]", b"ID3")


def read_frames(
    path: str, *, every: int = 1, max_pixels: int = MAX_PIXELS, name: str = ""
) -> Iterator[Frame]:
    """Every `every`-th frame of a video file, as it is to be shown.

    A file that ends before the number of frames in its header is a warning with both numbers.

    Args:
        path: of the file.
        every: 1 for all frames.
        max_pixels: of a frame; a larger one is refused by the header.
        name: of the film in messages, where it is not the path.

    Yields:
        The frames in order.

    Raises:
        DataError: naming the file when not a single frame can be read, it is no regular one, or its
            frames are too large.
    """
    name = name or path
    _check_file(path, name)
    video = open_capture(_opened_as(path))
    number = -1
    try:
        refuse_large(video, name, max_pixels)
        expected, rate = _frames(video), frame_rate(video)
        while (read := _next(video))[0]:
            number += 1
            if number % every == 0:
                yield Frame(number, cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB), rate)
    finally:
        video.release()
    if number < 0:
        raise DataError(f"cannot decode the video {name}; it is damaged or of an unknown codec")
    if _ends_early(path, number + 1, expected):
        _log.warning(
            "the video %s ends after %d of %d frames; it is cut off or damaged",
            name,
            number + 1,
            expected,
        )


def count_frames(path: str) -> int:
    """Frames of a video file by its header; 0 or less where that does not say it."""
    try:
        _check_file(path, path)
    except DataError:
        return 0
    video = open_capture(_opened_as(path))
    try:
        return _frames(video)
    finally:
        video.release()


def _opened_as(path: str) -> str:
    # A name such as "concat:a" would mean something else to FFmpeg; an absolute path does not.
    return os.path.abspath(path)


def _next(video: cv2.VideoCapture) -> tuple[bool, cv2.typing.MatLike]:
    with quiet():
        return video.read()


def _frames(video: cv2.VideoCapture) -> int:
    count = video.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if abs(count) < 1e15 else 0


def _check_file(path: str, name: str) -> None:
    """Raise DataError for what is no regular file, is empty, or is a list of other films."""
    try:
        with open_regular(path) as file:
            start = file.read(64)
    except OSError as error:
        raise DataError(
            f"cannot read the video {name}: {error.strerror or error}; replace it or leave it out"
        ) from error
    if not start:
        raise DataError(f"cannot use the video {name}: the file is empty; replace it")
    if start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(_PLAYLISTS):
        raise DataError(
            f"cannot use the video {name}: it is a list of other files; give the films themselves"
        )


def _ends_early(path: str, count: int, expected: int) -> bool:
    """Whether frames are missing, by more than a guess of their number may be off."""
    is_exact = path.lower().endswith(_COUNTED)
    return expected - count > (0 if is_exact else max(2, expected // 50))
