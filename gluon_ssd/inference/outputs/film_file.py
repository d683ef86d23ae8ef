"""An MP4 file that is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.videos import count_frames
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.files import atomic_path, ensure_directory

# MPEG-4 part 2: of what OpenCV's wheel can write, the one that keeps up with a detector. VP8 takes
# ten times as long, VP9 fifty times; H.264 is not there.
_CODEC = "mp4v"
_USUAL_RATE = 25.0

Pixels = NDArray[np.uint8]


class FilmFile:
    """Takes frames; see `film_file`."""

    def __init__(self, path: Path, shown_as: Path, rate: float) -> None:
        self._path, self._shown_as = path, shown_as
        self._rate = rate if rate > 0 else _USUAL_RATE
        self._writer: cv2.VideoWriter | None = None
        self._size_wh = (0, 0)
        self._count = 0

    def add(self, frame: Pixels) -> None:
        """Add a frame, uint8 (H, W, 3), RGB. Those of another size than the first are resized.

        Raises:
            EnvironmentProblem: the codec cannot write frames of that size.
        """
        height, width = frame.shape[:2]
        if self._writer is None:
            # Half of the colour's resolution is stored, so sides are even; the last row is doubled.
            self._size_wh = (width + width % 2, height + height % 2)
            self._writer = cv2.VideoWriter(
                str(self._path), cv2.VideoWriter.fourcc(*_CODEC), self._rate, self._size_wh
            )
            if not self._writer.isOpened():
                raise EnvironmentProblem(
                    f"cannot write {self._shown_as}: frames of {width} x {height} pixels cannot "
                    "be a film; write its frames as pictures (--films pictures)"
                )
        wide, high = self._size_wh
        if (width + width % 2, height + height % 2) != self._size_wh:
            frame = cv2.resize(frame, self._size_wh, interpolation=cv2.INTER_AREA)
        elif (width, height) != self._size_wh:
            down, right = high - height, wide - width
            frame = cv2.copyMakeBorder(frame, 0, down, 0, right, cv2.BORDER_REPLICATE)
        self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        self._count += 1

    def close(self) -> None:
        """Write the end. A second call does nothing."""
        if self._writer is not None:
            self._writer.release()

    def check(self) -> None:
        """Raise EnvironmentProblem where frames are missing: OpenCV says nothing of a full disk."""
        counted = count_frames(str(self._path))
        if counted != self._count:
            raise EnvironmentProblem(
                f"cannot write {self._shown_as}: {max(counted, 0)} of {self._count} frames "
                "arrived; free some space or choose another folder"
            )


@contextmanager
def film_file(path: str | os.PathLike[str], rate: float) -> Iterator[FilmFile]:
    """A new film, which takes its name when the block ends without an error.

    Args:
        path: of the file, which ends in .mp4.
        rate: frames a second; 0 for one that is not known, and is taken as 25.

    Raises:
        EnvironmentProblem: it cannot be written whole; nothing is there then.
    """
    target = Path(path)
    ensure_directory(target.parent)
    with atomic_path(target) as temporary:
        temporary.touch()  # so that a folder without rights is told before the codec
        film = FilmFile(temporary, target, rate)
        try:
            yield film
        finally:
            film.close()
        film.check()
