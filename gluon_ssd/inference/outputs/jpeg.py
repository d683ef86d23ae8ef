"""Write pixels as JPEG."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.files import atomic_write, ensure_directory

_MOST_SIDE = 65_500  # px, of the format


def write_jpeg(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write uint8 (H, W, 3), RGB, with its folder.

    Raises:
        EnvironmentProblem: the file cannot be written, or no JPEG is that large.
    """
    height, width = pixels.shape[:2]
    if max(height, width) > _MOST_SIDE:
        raise EnvironmentProblem(
            f"cannot write {path}: a JPEG has at most {_MOST_SIDE} pixels a side, the picture is "
            f"{width} x {height}; leave it out"
        )
    ensure_directory(path.parent)
    # Encoded here and written by Python, since OpenCV does not say why it cannot write.
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    with atomic_write(path) as file:
        file.write(jpeg.tobytes())
