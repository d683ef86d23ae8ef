"""Random canvas and random crop, decided on boxes alone before any pixel is touched.

Source: SSD, arXiv:1512.02325, section 2.2 "Data augmentation" and section 3.6 (zoom out); the
details follow the recipe that trained the published weights.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gluon_ssd.data.augment.settings import Augmentation, StepAugmentation


class Window(NamedTuple):
    """A rectangle of whole pixels."""

    x: int
    y: int
    width: int
    height: int


def draw_canvas(
    rng: np.random.Generator,
    size_hw: tuple[int, int],
    augmentation: Augmentation | StepAugmentation,
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Draw a larger canvas for an image.

    Returns:
        The canvas (height, width) and the place (x, y) of the image's corner on it; the image's
        own size and (0, 0) when no larger canvas was drawn.
    """
    height, width = size_hw
    chance, amount, x_place, y_place = rng.random(4)
    if chance >= augmentation.expand_probability:
        return size_hw, (0, 0)
    low, high = augmentation.expand_ratio
    ratio = low + (high - low) * amount
    canvas_height, canvas_width = int(height * ratio), int(width * ratio)
    x = int(x_place * (canvas_width - width + 1))
    y = int(y_place * (canvas_height - height + 1))
    return (canvas_height, canvas_width), (x, y)


def draw_crop(
    rng: np.random.Generator,
    boxes_px: np.ndarray,
    size_hw: tuple[int, int],
    augmentation: Augmentation,
) -> Window:
    """Draw the part of the canvas to train on.

    For every floor the first of `crop_tries` random windows whose overlap (IoU) with *every* box
    reaches it is a candidate; one unconstrained window and the full canvas are candidates too. One
    candidate is chosen evenly; if it keeps no box, another one is.

    Args:
        rng: the image's own generator.
        boxes_px: (M, 4) corners in pixels of the canvas.
        size_hw: the canvas.
        augmentation: ranges, floors and number of tries.

    Returns:
        The window: the unconstrained one without boxes, the full canvas when every candidate loses
        every box.
    """
    num_floors = len(augmentation.crop_floors)
    windows = _draw_windows(rng, num_floors * augmentation.crop_tries + 1, size_hw, augmentation)
    order = rng.random(num_floors + 2)
    if len(boxes_px) == 0:
        return Window(*windows[-1].tolist())
    smallest = _smallest_overlaps(boxes_px, windows[:-1])
    floors = np.asarray(augmentation.crop_floors)[:, None]
    success = smallest.reshape(num_floors, augmentation.crop_tries) >= floors
    found = np.flatnonzero(success.any(axis=1))
    first = found * augmentation.crop_tries + success[found].argmax(axis=1)
    full = np.array([[0, 0, size_hw[1], size_hw[0]]])
    candidates = np.concatenate([full, windows[first], windows[-1:]])
    for candidate in candidates[np.argsort(order[: len(candidates)])]:
        window = Window(*candidate.tolist())
        if crop_boxes(boxes_px, window)[1].any():
            return window
    return Window(0, 0, size_hw[1], size_hw[0])


def _draw_windows(
    rng: np.random.Generator, count: int, size_hw: tuple[int, int], augmentation: Augmentation
) -> np.ndarray:
    """int64 (count, 4): x, y, width, height of random windows of every allowed shape."""
    height, width = size_hw
    scale_draw, aspect_draw, x_draw, y_draw = rng.random((4, count))
    low, high = augmentation.crop_scale
    scale = low + (high - low) * scale_draw
    # A crop cannot be longer than the canvas: that bounds the aspect of the large ones.
    narrowest = np.maximum(1 / augmentation.crop_aspect, scale * scale)
    widest = np.minimum(augmentation.crop_aspect, 1 / (scale * scale))
    root = np.sqrt(narrowest + (widest - narrowest) * aspect_draw)
    windows = np.empty((count, 4), dtype=np.int64)
    windows[:, 2] = np.clip(width * scale * root, 1, width)
    windows[:, 3] = np.clip(height * scale / root, 1, height)
    # The legacy draw never reaches the last place; for a full-size window that leaves place 0.
    windows[:, 0] = x_draw * np.maximum(width - windows[:, 2], 1)
    windows[:, 1] = y_draw * np.maximum(height - windows[:, 3], 1)
    return windows


def _smallest_overlaps(boxes_px: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """(N,): for each window the least IoU it has with any of the boxes (M, 4), M >= 1."""
    x_min, y_min, width, height = windows.astype(np.float64).T
    boxes = np.asarray(boxes_px, dtype=np.float64)[:, :, None]
    overlap_width = np.minimum(boxes[:, 2], x_min + width) - np.maximum(boxes[:, 0], x_min)
    overlap_height = np.minimum(boxes[:, 3], y_min + height) - np.maximum(boxes[:, 1], y_min)
    overlap = np.maximum(overlap_width, 0) * np.maximum(overlap_height, 0)  # (M, N)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return (overlap / (areas + width * height - overlap)).min(axis=0)


def crop_boxes(boxes_px: np.ndarray, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Cut boxes to a window and drop those whose centre lies outside it.

    Returns:
        float32 (K, 4), the kept boxes in pixels of the window, and bool (M,), which were kept.
    """
    boxes = np.asarray(boxes_px, dtype=np.float64).reshape(-1, 4)
    corner = np.array([window.x, window.y], dtype=np.float64)
    size = np.array([window.width, window.height], dtype=np.float64)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2 - corner
    low = np.maximum(boxes[:, :2] - corner, 0)
    high = np.minimum(boxes[:, 2:] - corner, size)
    kept = ((centers >= 0) & (centers < size) & (low < high)).all(axis=1)
    return np.concatenate([low, high], axis=1)[kept].astype(np.float32), kept


def visible_part(
    image: np.ndarray, window: Window, place_xy: tuple[int, int]
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """What a window of a canvas shows of the image that lies on it at a place.

    Returns:
        Image pixels inside the window, a view, and the canvas above, below, left and right of them
        in pixels. Empty when the window shows canvas only, which happens to images without boxes.
    """
    height, width = image.shape[:2]
    x, y = window.x - place_xy[0], window.y - place_xy[1]
    x_end, y_end = x + window.width, y + window.height
    left, right = max(x, 0), max(min(x_end, width), 0)
    top, bottom = max(y, 0), max(min(y_end, height), 0)
    return image[top:bottom, left:right], (top - y, y_end - bottom, left - x, x_end - right)
