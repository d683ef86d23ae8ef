"""Default boxes of the published SSD networks with residual backbones, as a plain array.

They differ from the zoo's, see `detection.anchors`, in their order (level, then shape, then row,
then column), in their unit (fractions of the image) and in that all four numbers are clamped to
[0, 1]. The arithmetic is that of the published code, so that every bit is.

Sources: NVIDIA DeepLearningExamples, PyTorch/Detection/SSD, and MLPerf training and inference,
SSD-ResNet34: the default boxes of each; SSD, arXiv:1512.02325, section 2.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gluon_ssd.detection.anchors import Shapes
from gluon_ssd.detection.boxes import FloatArray


def default_shapes(own: float, following: float, ratios: Sequence[float]) -> Shapes:
    """Widths and heights of one cell's boxes.

    Args:
        own: scale of the level, as a fraction of the image.
        following: scale of the next level.
        ratios: each adds a box that is wider than high by it, and the same box upright.

    Returns:
        A square of the own scale, a square of the geometric mean of both, two boxes a ratio.
    """
    mean = math.sqrt(own * following)
    shapes = [(own, own), (mean, mean)]
    for ratio in ratios:
        width, height = own * math.sqrt(ratio), own / math.sqrt(ratio)
        shapes += [(width, height), (height, width)]
    return shapes


def default_boxes(
    side_px: int,
    *,
    cells: Sequence[int],
    steps: Sequence[float],
    scales: Sequence[float],
    ratios: Sequence[Sequence[float]],
    whole_cells: bool = False,
) -> FloatArray:
    """Boxes of all levels of a square image.

    Args:
        side_px: its side.
        cells: rows, and columns, of each level.
        steps: distance of two neighbouring cells of each level, px.
        scales: of each level and one more, px.
        ratios: of each level; see `default_shapes`.
        whole_cells: whether the number of steps in a side is rounded down to a whole one first,
            which moves the cells apart.

    Returns:
        float32 (A, 4), centre form, fractions of the side, ordered level, shape, row, column.
    """
    levels = []
    for level, count in enumerate(cells):
        steps_a_side = side_px // steps[level] if whole_cells else side_px / steps[level]
        centres = (np.arange(count) + 0.5) / steps_a_side
        own, following = scales[level] / side_px, scales[level + 1] / side_px
        shapes = default_shapes(own, following, ratios[level])
        grid = np.empty((len(shapes), count, count, 4))
        grid[..., 0] = centres[None, None, :]
        grid[..., 1] = centres[None, :, None]
        grid[..., 2:] = np.asarray(shapes)[:, None, None, :]
        levels.append(grid.reshape(-1, 4))
    boxes: FloatArray = np.clip(np.concatenate(levels).astype(np.float32), 0, 1)
    return boxes
