"""Read the frames of video files and cameras, one at a time."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from gluon_ssd.errors import DataError

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")


def read_frames(
    source: str | int, *, every: int = 1, timeout_s: float | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Every `every`-th frame of a video, as it is to be shown.

    Args:
        source: a video file, the address of a network camera, or the number of a camera.
        every: 1 for all frames.
        timeout_s: how long a network camera may stay silent, seconds.

    Yields:
        The frame's number, from 0, and its pixels, uint8 (H, W, 3), RGB. A camera ends when it
        gives no frame any more.

    Raises:
        DataError: naming the source when not a single frame can be read.
    """
    limits = []
    if timeout_s is not None:
        milliseconds = int(1000 * timeout_s)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds]
        limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
    video = cv2.VideoCapture(source, cv2.CAP_FFMPEG if limits else cv2.CAP_ANY, limits)
    number = -1
    try:
        while (read := video.read())[0]:
            number += 1
            if number % every == 0:
                yield number, cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
    finally:
        video.release()
    if number < 0:
        raise DataError(_no_frame(source))


def count_frames(path: str) -> int:
    """Frames of a video file by its header; 0 or less where that does not say it."""
    video = cv2.VideoCapture(path)
    try:
        return int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        video.release()


def _no_frame(source: str | int) -> str:
    if isinstance(source, int):
        return f"camera {source} gives no picture; check that it is plugged in and not in use"
    if "://" in source:
        return f"the camera {source} gives no picture; check its address"
    return f"cannot decode the video {source}; it is damaged or of an unknown codec"
