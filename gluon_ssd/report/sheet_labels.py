"""Where the names of boxes stand in a picture, so that none covers another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Area = tuple[int, int, int, int]
"""x_min, y_min, x_max, y_max in pixels; the last two are not part of it."""

_STEPS = 6  # places that are tried along each edge
_OF_RANK = 0.1  # px of other boxes that a place may cover more than the next one


def place_names(
    boxes: Sequence[Area],
    sizes_wh: Sequence[tuple[int, int]],
    frame: Area,
    *,
    covers_own: bool = True,
) -> list[tuple[int, int] | None]:
    """A place for the name of each box.

    Small boxes choose first, since there are the fewest places near them: above the box, below it,
    inside at its edges, beside it. Of the places that are free, that one is taken that covers the
    least of other boxes.

    Args:
        boxes: of the objects, in pixels of the picture.
        sizes_wh: width and height of each name, px.
        frame: where names may stand.
        covers_own: whether a name may as well stand on its own object, and within another one that
            holds it whole; else that is as bad as on a part of any other.

    Returns:
        The upper left corner of each name, in the order of the boxes; None where there is no place
        that is free.
    """
    places: list[tuple[int, int] | None] = [None] * len(boxes)
    every = np.array(boxes, np.int64).reshape(-1, 4)
    taken = np.zeros((0, 4), np.int64)
    for index in np.argsort(_sizes(every), kind="stable").tolist():
        width, height = sizes_wh[index]
        candidates = _free(_candidates(boxes[index], width, height, frame), frame, taken)
        others = np.delete(every, index, axis=0) if covers_own else every
        costs = _covered(candidates, others, holds_free=covers_own)
        if len(candidates):
            best = candidates[costs.argmin()]
            taken = np.concatenate([taken, [best]])
            places[index] = (int(best[0]), int(best[1]))
    return places


def _free(areas: Iterator[Area], frame: Area, taken: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of the areas that lie in the frame and on no name, (K, 4), in their order."""
    every = np.array(list(areas), np.int64)
    is_free = (every[:, :2] >= frame[:2]).all(axis=1) & (every[:, 2:] <= frame[2:]).all(axis=1)
    is_free &= ~_shared(every, taken).any(axis=1)
    return every[is_free]


def _covered(
    areas: NDArray[np.int64], boxes: NDArray[np.int64], *, holds_free: bool
) -> NDArray[np.float64]:
    """What each of K areas covers of the boxes, px; a later one a little more.

    With `holds_free` a box that holds the whole area is no worse for it than one far away.
    """
    shared = _shared(areas, boxes)
    if holds_free:
        holds = (boxes[:, :2] <= areas[:, None, :2]).all(axis=2)  # (K, M)
        holds &= (boxes[:, 2:] >= areas[:, None, 2:]).all(axis=2)
        shared = np.where(holds, 0, shared)
    costs: NDArray[np.float64] = shared.sum(axis=1) + _OF_RANK * np.arange(len(areas))
    return costs


def _candidates(box: Area, width: int, height: int, frame: Area) -> Iterator[Area]:
    """Places of a name near a box, the best first; those at an edge are pushed into the frame."""
    for left, top in _corners(box, width, height, frame):
        yield left, top, left + width, top + height


def _corners(box: Area, width: int, height: int, frame: Area) -> Iterator[tuple[int, int]]:
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
