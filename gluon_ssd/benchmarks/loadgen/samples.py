"""Images of a data set that LoadGen asks to be kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class SampleLibrary:
    """Prepared images by their number in the data set.

    Args:
        read: numbers of N images -> float32 (N, 3, H, W), normalised, in that order.
    """

    def __init__(self, read: Callable[[Sequence[int]], Floats]) -> None:
        self._read = read
        self._images: dict[int, Floats] = {}

    def load(self, numbers: Sequence[int]) -> None:
        """Keep these images in memory."""
        self._images.update(zip(numbers, self._read(numbers), strict=True))

    def unload(self, numbers: Sequence[int]) -> None:
        """Forget these images."""
        for number in numbers:
            del self._images[number]

    def batch(self, numbers: Sequence[int]) -> Floats:
        """These images, which are loaded, as float32 (N, 3, H, W)."""
        return np.stack([self._images[number] for number in numbers])
