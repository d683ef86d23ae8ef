"""Network input as a picture for people to look at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.detection.input_format import InputFormat


def shown_pixels(planes: NDArray[Any], input_format: InputFormat) -> NDArray[np.uint8]:
    """Undo the normalisation.

    Args:
        planes: float (3, H, W), normalised.
        input_format: with the mean and deviation that were used.

    Returns:
        uint8 (H, W, 3), RGB; colours that augmentation took beyond black or white are cut.
    """
    mean, std = (np.array(of, np.float32) for of in (input_format.mean, input_format.std))
    shares = np.asarray(planes, np.float32).transpose(1, 2, 0) * std + mean
    pixels: NDArray[np.uint8] = np.clip(shares * 255 + 0.5, 0, 255).astype(np.uint8)
    return pixels
