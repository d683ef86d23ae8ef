"""Default boxes of the SSD networks, as plain arrays.

Boxes are centre form (x, y, width, height) in pixels of the network input, ordered as the heads
write their outputs: level, then row, then column, then shape. They are not clipped to the image.
Source: SSD, arXiv:1512.02325, section 2.2, with the scales of the GluonCV model zoo.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Shapes = list[tuple[float, float]]


def ssd_shapes(scales: tuple[float, float], ratios: Sequence[float], level: int) -> Shapes:
    """Widths and heights of one pixel's boxes on one level.

    Args:
        scales: the level's own scale, and the geometric mean of it and the next level's, px.
        ratios: width to height; the first entry stands for the two squares.
        level: 0 for the finest map; this rule does not depend on it.

    Returns:
        A square of the own scale, a square of the mean scale, then one box of the own scale's
        area for every further ratio.
    """
    own, mean = scales
    return [(own, own), (mean, mean), *_stretched(own, ratios[1:])]


def lite_shapes(scales: tuple[float, float], ratios: Sequence[float], level: int) -> Shapes:
    """Widths and heights of one pixel's boxes, in the order of the `lite` networks.

    The own square has half the scale, the mean one comes last, and level 0 does without it.
    Arguments as in `ssd_shapes`.
    """
    own, mean = scales
    shapes = [(own / 2, own / 2), *_stretched(own, ratios[1:])]
    return shapes if level == 0 else [*shapes, (mean, mean)]


def _stretched(size: float, ratios: Sequence[float]) -> Shapes:
    return [(size * np.sqrt(ratio), size / np.sqrt(ratio)) for ratio in ratios]


def anchor_grid(feature_size: tuple[int, int], step: float, shapes: Shapes) -> NDArray[np.float64]:
    """Boxes of one level.

    Args:
        feature_size: (height, width) of the feature map, in cells.
        step: distance of two neighbouring cells, px.
        shapes: (width, height) of every box of a cell, px.

    Returns:
        float64 (height, width, len(shapes), 4), centre form, px.
    """
    height, width = feature_size
    grid = np.empty((height, width, len(shapes), 4))
    grid[..., 0] = ((np.arange(width) + 0.5) * step)[None, :, None]
    grid[..., 1] = ((np.arange(height) + 0.5) * step)[:, None, None]
    grid[..., 2:] = np.asarray(shapes)
    return grid
