"""Photos with an EXIF orientation, as cameras write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from gluon_ssd.data.exif import turned

UPRIGHT_HW = (60, 80)
BOX = (10, 5, 50, 45)  # from 0; the bright square of every photo, seen upright


def upright() -> np.ndarray:
    image = np.zeros((*UPRIGHT_HW, 3), np.uint8)
    image[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 255
    return image


def photo(path: Path, orientation: int, image: np.ndarray | None = None) -> Path:
    """A JPEG that a viewer which follows the tag shows as `image`."""
    back = {6: 8, 8: 6}.get(orientation, orientation)
    stored = Image.fromarray(turned(upright() if image is None else image, back))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(path, exif=exif, quality=95)
    return path
