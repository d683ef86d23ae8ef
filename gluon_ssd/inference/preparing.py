"""Pictures to the input of a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.augment.area_planes import area_planes, shrinks_by_area
from gluon_ssd.data.augment.transforms import eval_transform
from gluon_ssd.detection.input_format import InputFormat


class Preparing:
    """Does what `eval_transform` does, to the bit; any number of threads may use it.

    The first picture goes the plain way, so that a program that looks at one does not wait for the
    compiled loop to be loaded.

    Args:
        input_format: of the network.
    """

    def __init__(self, input_format: InputFormat) -> None:
        self._format, self._is_first = input_format, True

    def room(self, count: int) -> NDArray[np.float32]:
        """Memory for so many pictures, float32 (count, 3, height, width), not filled."""
        return np.empty((count, 3, *self._format.size_hw), np.float32)

    def fill(self, pixels: NDArray[np.uint8], target: NDArray[np.float32]) -> None:
        """Write the input for a picture, uint8 (H, W, 3) RGB, to a row of `room`."""
        is_first, self._is_first = self._is_first, False
        if is_first or not shrinks_by_area(pixels.shape[:2], self._format):
            target[:] = eval_transform(pixels, self._format)
        else:
            area_planes(pixels, self._format, target)

    def batch(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """The input for some pictures, float32 (B, 3, height, width)."""
        images = self.room(len(pictures))
        for pixels, target in zip(pictures, images, strict=True):
            self.fill(pixels, target)
        return images
