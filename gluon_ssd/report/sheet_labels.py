"""Where the names of boxes stand in a small picture, so that none covers another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Area = tuple[int, int, int, int]
"""x_min, y_min, x_max, y_max in pixels; the last two are not part of it."""

_STEPS = 6  # places that are tried along each edge
_OF_RANK = 0.1  # px of other boxes that a place may cover more than the next one


def place_names(
    boxes: Sequence[Area], sizes_wh: Sequence[tuple[int, int]], frame: Area
) -> list[tuple[int, int] | None]:
    """A place for the name of each box.

    Small boxes choose first, since there are the fewest places near them: above the box, below it,
    inside at its edges, beside it. Of the places that are free, that one is taken that covers the
    least of other boxes.

    Args:
        boxes: of the objects, in pixels of the picture.
        sizes_wh: width and height of each name, px.
        frame: where names may stand.

    Returns:
        The upper left corner of each name, in the order of the boxes; None where there is no place
        that is free.
    """
    places: list[tuple[int, int] | None] = [None] * len(boxes)
    every = np.array(boxes, np.int64).reshape(-1, 4)
    taken = np.zeros((0, 4), np.int64)
    for index in np.argsort(_sizes(every), kind="stable").tolist():
        others = np.delete(every, index, axis=0)
        area = _best(boxes[index], sizes_wh[index], frame, others, taken)
        if area is not None:
            taken = np.concatenate([taken, [area]])
            places[index] = area[:2]
    return places


def _best(
    box: Area,
    size_wh: tuple[int, int],
    frame: Area,
    others: NDArray[np.int64],
    taken: NDArray[np.int64],
) -> Area | None:
    corners = np.array(list(_candidates(box, *size_wh, frame)), np.int64)
    areas = np.concatenate([corners, corners + size_wh], axis=1)  # (K, 4)
    is_free = (areas[:, :2] >= frame[:2]).all(axis=1) & (areas[:, 2:] <= frame[2:]).all(axis=1)
    is_free &= ~_shared(areas, taken).any(axis=1)
    if not is_free.any():
        return None
    # A box that holds the whole name is no worse for it than one that is far away.
    holds = (others[:, :2] <= areas[:, None, :2]).all(axis=2)  # (K, M)
    holds &= (others[:, 2:] >= areas[:, None, 2:]).all(axis=2)
    costs = np.where(holds, 0, _shared(areas, others)).sum(axis=1) + _OF_RANK * np.arange(
        len(areas)
    )
    left, top, right, bottom = areas[np.where(is_free, costs, np.inf).argmin()].tolist()
    return left, top, right, bottom


def _candidates(box: Area, width: int, height: int, frame: Area) -> Iterator[tuple[int, int]]:
    """Corners of a name near a box, the best first; those at an edge are pushed into the frame."""
    x_min, y_min, x_max, y_max = box
    along = sorted({round(x_min + (x_max - width - x_min) * k / _STEPS) for k in range(_STEPS + 1)})
    down = sorted({round(y_min + (y_max - height - y_min) * k / _STEPS) for k in range(_STEPS + 1)})
    along.sort(key=lambda left: abs(left - x_min))
    for top in (y_min - height, y_max, y_min, y_max - height):
        for left in along:
            yield _pushed(left, width, frame[0], frame[2]), top
    for left in (x_max, x_min - width, x_min, x_max - width):
        for top in down:
            yield left, _pushed(top, height, frame[1], frame[3])


def _pushed(start: int, length: int, low: int, high: int) -> int:
    return max(low, min(start, high - length))


def _sizes(boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    sizes: NDArray[np.int64] = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return sizes


def _shared(areas: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pixels that each of K areas has in common with each of M others, (K, M)."""
    starts = np.maximum(others[:, :2], areas[:, None, :2])
    ends = np.minimum(others[:, 2:], areas[:, None, 2:])
    pixels: NDArray[np.int64] = np.maximum(ends - starts, 0).prod(axis=2)
    return pixels
