"""Anchors of RetinaNet, as MLPerf training has them: integers throughout, in NumPy.

Sources: "Focal Loss for Dense Object Detection", arXiv:1708.02002, section 4; the rounding, the
strides and the place of the first centre are those of the published training code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gluon_ssd.detection.boxes import FloatArray

_STEPS = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))


def cell_boxes(areas: Sequence[int], ratios: Sequence[float]) -> FloatArray:
    """The anchors of a cell around the point (0, 0), at each level.

    Half widths and half heights are rounded to integers, halves to the even one.

    Args:
        areas: square roots of the areas of the levels, px.
        ratios: height to width.

    Returns:
        float32 (levels, ratios * 3, 4), centre form, px; the ratio changes slowest.
    """
    sides = np.array([[int(area * step) for step in _STEPS] for area in areas], np.float32)
    heights = np.sqrt(np.asarray(ratios, np.float32))[None, :, None] * sides[:, None, :]
    widths = (1 / np.sqrt(np.asarray(ratios, np.float32)))[None, :, None] * sides[:, None, :]
    boxes = np.zeros((len(sides), len(ratios) * len(_STEPS), 4), np.float32)
    boxes[..., 2] = 2 * np.round(widths / 2).reshape(len(sides), -1)
    boxes[..., 3] = 2 * np.round(heights / 2).reshape(len(sides), -1)
    return boxes


def pyramid_anchors(
    cells: FloatArray, map_sizes: Sequence[tuple[int, int]], input_size_hw: tuple[int, int]
) -> FloatArray:
    """All anchors of an input, ordered level, row, column, shape; none is clipped or left out.

    Centres stand at multiples of the stride from (0, 0) on. The stride is the side of the input
    divided by that of the map without remainder, along each axis by itself: at 800 px 61 and 114
    for the two coarsest levels, not 64 and 128.

    Args:
        cells: float32 (levels, K, 4), see `cell_boxes`.
        map_sizes: (height, width) of the map of each level.
        input_size_hw: (height, width) of the input, px.

    Returns:
        float32 (A, 4), centre form, px.
    """
    height, width = input_size_hw
    levels = []
    for boxes, (rows, columns) in zip(cells, map_sizes, strict=True):
        grid = np.broadcast_to(boxes, (rows, columns, *boxes.shape)).copy()
        grid[..., 0] += (np.arange(columns) * (width // columns))[None, :, None]
        grid[..., 1] += (np.arange(rows) * (height // rows))[:, None, None]
        levels.append(grid.reshape(-1, 4))
    anchors: FloatArray = np.concatenate(levels)
    return anchors
