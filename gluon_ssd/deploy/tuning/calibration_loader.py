"""Calibration images in the form the tuning library asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import INPUT
from gluon_ssd.deploy.tuning.backend import Check


class CalibrationLoader:
    """Batches of images, from the start again every time it is iterated.

    Args:
        images: float32 (N, 3, H, W), normalised.
        batch_size: images a batch; what does not fill one at the end is left out.

    Attributes:
        check: called before every batch; may raise to end the search.
    """

    def __init__(self, images: np.ndarray, batch_size: int) -> None:
        self.batch_size = batch_size
        self.check: Check = lambda: None
        self._images = images
        shape = (batch_size, *images.shape[1:])
        self.provide_data = [mx.io.DataDesc(INPUT, shape, np.float32)]

    def __iter__(self) -> Iterator[list[Any]]:
        """Yield [images, labels]; labels are zeros, which nothing reads."""
        for start in range(0, len(self._images) - self.batch_size + 1, self.batch_size):
            self.check()
            batch = self._images[start : start + self.batch_size]
            yield [mx.nd.array(batch, dtype=np.float32), mx.nd.zeros(self.batch_size)]
