"""The random crop of the reference detectors, decided on boxes alone.

One overlap is drawn, or no crop; some windows are tried for it; if none will do, another overlap is
drawn, until something is found. Source: SSD, arXiv:1512.02325, section 2.2, as the published
training codes draw it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gluon_ssd.data.augment.crop import Window
from gluon_ssd.data.augment.settings import StepAugmentation

# Windows looked at together; half of all crops end within the first few.
_AT_ONCE = 16


class Crop(NamedTuple):
    """Part of an image.

    Attributes:
        pixels: what is cut out.
        edges_px: x_min, y_min, x_max, y_max that boxes are cut to and counted from; not always
            whole pixels.
    """

    pixels: Window
    edges_px: tuple[float, float, float, float]


def draw_step_crop(
    rng: np.random.Generator,
    boxes_px: np.ndarray,
    size_hw: tuple[int, int],
    augmentation: StepAugmentation,
) -> Crop | None:
    """Draw a crop, or None for the whole image; always that for an image without boxes.

    Args:
        rng: the image's own generator; how many numbers it gives depends on the boxes.
        boxes_px: (M, 4) corners in pixels of the image, or of its canvas.
        size_hw: of the same.
        augmentation: floors, tries, scales and aspect; its `crop` is "all" or "any".
    """
    if len(boxes_px) == 0:
        return None
    floors = (*augmentation.crop_floors, np.inf)  # the last one stands for no crop
    tries = augmentation.crop_tries
    rounds = -(-_AT_ONCE // tries)
    while True:
        draws = rng.random((rounds, 1 + 4 * tries))
        modes = (draws[:, 0] * len(floors)).astype(np.int64)
        limits = np.repeat(np.take(floors, modes), tries)
        shares = draws[:, 1:].reshape(-1, 4)
        edges, pixels, is_shaped = _windows(shares, size_hw, augmentation)
        found = is_shaped & _is_good(edges, boxes_px, limits, augmentation.crop)
        firsts = np.flatnonzero(found | np.isinf(limits))
        if len(firsts):
            first = firsts[0]
            if np.isinf(limits[first]):
                return None
            return Crop(Window(*pixels[first].tolist()), tuple(edges[first].tolist()))


def _windows(
    shares: np.ndarray, size_hw: tuple[int, int], augmentation: StepAugmentation
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges (N, 4), px; whole pixels x, y, width, height (N, 4); and (N,), whether the aspect will
    do; of shares (N, 4) in [0, 1): width, height, x, y."""
    (low, high), (narrowest, widest) = augmentation.crop_scale, augmentation.crop_aspect
    size_wh = np.array(size_hw[::-1])
    side = low + (high - low) * shares[:, :2]
    if augmentation.crop == "any":
        lengths = (side * size_wh).astype(np.int64)
        starts = ((size_wh - lengths) * shares[:, 2:]).astype(np.int64)
        is_shaped = (lengths > 0).all(axis=1)
        aspect = lengths[:, 0] / np.maximum(lengths[:, 1], 1)
        edges = np.concatenate([starts, starts + lengths], axis=1).astype(np.float64)
        pixels = np.concatenate([starts, lengths], axis=1)
    else:
        aspect = side[:, 0] / side[:, 1]
        corner = (1 - side) * shares[:, 2:]
        is_shaped = np.ones(len(shares), dtype=bool)
        edges = np.concatenate([corner, corner + side], axis=1) * np.tile(size_wh, 2)
        starts = np.minimum(edges[:, :2].astype(np.int64), size_wh - 1)
        # An image of few pixels would lose all of them.
        lengths = np.maximum(edges[:, 2:].astype(np.int64) - starts, 1)
        pixels = np.concatenate([starts, lengths], axis=1)
    return edges, pixels, is_shaped & (aspect >= narrowest) & (aspect <= widest)


def _is_good(edges: np.ndarray, boxes_px: np.ndarray, limits: np.ndarray, rule: str) -> np.ndarray:
    """bool (N,): whether a window has the centre of a box and overlap enough."""
    boxes = np.asarray(boxes_px, dtype=np.float64)
    low = np.maximum(edges[:, None, :2], boxes[:, :2])
    high = np.minimum(edges[:, None, 2:], boxes[:, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)  # (N, M)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    window_areas = (edges[:, 2:] - edges[:, :2]).prod(axis=1)
    overlaps = shared / np.maximum(areas + window_areas[:, None] - shared, 1e-12)
    inside = _is_inside(edges[:, None], boxes)
    if rule == "all":
        reaches = (overlaps > limits[:, None]).all(axis=1)
    else:
        reaches = (inside & (overlaps >= limits[:, None])).any(axis=1)
    return inside.any(axis=1) & reaches


def _is_inside(edges: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    return ((centers > edges[..., :2]) & (centers < edges[..., 2:])).all(axis=-1)


def cut_boxes(
    boxes_px: np.ndarray, edges_px: tuple[float, float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes whose centre lies within the edges, cut to them and counted from their corner.

    Returns:
        float64 (K, 4), and bool (M,), which were kept.
    """
    boxes, edges = np.asarray(boxes_px, dtype=np.float64), np.array(edges_px)
    kept = _is_inside(edges, boxes)
    corner = np.tile(edges[:2], 2)
    return np.clip(boxes[kept], corner, np.tile(edges[2:], 2)) - corner, kept
