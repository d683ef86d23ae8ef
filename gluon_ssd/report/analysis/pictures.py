"""Pieces of images with the boxes of an error, and whole images with what was found in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from gluon_ssd.evaluation.analysis.cases import Case

_FOUND, _HIT, _TRUTH = (213, 94, 0), (0, 114, 178), (0, 158, 115)  # Okabe-Ito, RGB
_CASE_HW = (220, 320)
_IMAGE_HW = (320, 420)
_AROUND = 0.6  # of the sides of the boxes, added on each side
_LEAST_SIDE = 48.0  # px of a piece, so that a small object keeps its surroundings
_LARGEST_SCALE = 4.0
_DASH = 6.0

Box = Sequence[float]


def case_picture(image: np.ndarray, case: Case) -> np.ndarray:
    """The piece of an image around an error: its detection, and dashed the object it is about.

    Args:
        image: uint8 (H, W, 3), RGB, in whose pixels the boxes are.
        case: the error.

    Returns:
        uint8 (h, w, 3), RGB, of at most 220 x 320 pixels.
    """
    boxes = [box for box in (case.box_px, case.true_box_px) if box is not None]
    left, top, right, bottom = _piece(np.array(boxes, np.float64), image.shape[:2])
    piece, scale = _fitted(image[top:bottom, left:right], _CASE_HW)
    if case.true_box_px is not None:
        _draw(piece, case.true_box_px, (left, top), scale, color=_TRUTH, is_dashed=True)
    if case.box_px is not None:
        _draw(piece, case.box_px, (left, top), scale, color=_FOUND)
    return piece


def image_picture(
    image: np.ndarray, found: np.ndarray, is_hit: np.ndarray, missed: np.ndarray
) -> np.ndarray:
    """A whole image, small: hits blue, wrong detections orange, missed objects dashed and green.

    Args:
        image: uint8 (H, W, 3), RGB.
        found: float (K, 4), boxes of detections in pixels of the image.
        is_hit: bool (K,).
        missed: float (M, 4), boxes of objects that were not found.

    Returns:
        uint8 (h, w, 3), RGB, of at most 320 x 420 pixels.
    """
    small, scale = _fitted(image, _IMAGE_HW)
    for box, hit in zip(found.tolist(), is_hit.tolist(), strict=True):
        _draw(small, box, (0, 0), scale, color=_HIT if hit else _FOUND)
    for box in missed.tolist():  # last, for an object of another class lies under what was found
        _draw(small, box, (0, 0), scale, color=_TRUTH, is_dashed=True)
    return small


def write_jpeg(picture: np.ndarray, path: Path) -> None:
    """Write uint8 (H, W, 3), RGB, as JPEG. Raises OSError."""
    # Encoded here and written by Python, since OpenCV does not say why it cannot write.
    quality = [cv2.IMWRITE_JPEG_QUALITY, 82]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
    path.write_bytes(encoded.tobytes())


def _piece(boxes: np.ndarray, size_hw: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the piece around boxes (N, 4); at least a pixel wide."""
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    half = np.maximum((high - low) * (0.5 + _AROUND), _LEAST_SIDE / 2)
    middle = (low + high) / 2
    limits = np.array([size_hw[1], size_hw[0]], np.float64)
    start = np.clip(np.floor(middle - half), 0, limits - 1).astype(int)
    end = np.clip(np.ceil(middle + half), start + 1, limits).astype(int)
    return int(start[0]), int(start[1]), int(end[0]), int(end[1])


def _fitted(image: np.ndarray, most_hw: tuple[int, int]) -> tuple[np.ndarray, tuple[float, float]]:
    """A copy that fits, and what its width and height were multiplied by."""
    height, width = image.shape[:2]
    factor = min(most_hw[0] / height, most_hw[1] / width, _LARGEST_SCALE)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    small = cv2.resize(np.ascontiguousarray(image), size, interpolation=way)
    return small, (size[0] / width, size[1] / height)


def _draw(
    canvas: np.ndarray,
    box: Box,
    offset: tuple[int, int],
    scale: tuple[float, float],
    *,
    color: tuple[int, int, int],
    is_dashed: bool = False,
) -> None:
    """Draw a box of the image into a piece of it that begins at `offset` and was scaled."""
    height, width = canvas.shape[:2]
    x_min, x_max = (
        min(max((value - offset[0]) * scale[0], 0), width - 1) for value in (box[0], box[2])
    )
    y_min, y_max = (
        min(max((value - offset[1]) * scale[1], 0), height - 1) for value in (box[1], box[3])
    )
    corners = [(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max), (x_min, y_min)]
    for start, end in zip(corners, corners[1:], strict=False):
        for a, b in _dashes(start, end) if is_dashed else [(start, end)]:
            first, last = (round(a[0]), round(a[1])), (round(b[0]), round(b[1]))
            cv2.line(canvas, first, last, color, 2, cv2.LINE_AA)


def _dashes(
    start: tuple[float, float], end: tuple[float, float]
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    length = abs(end[0] - start[0]) + abs(end[1] - start[1])  # one of both is 0
    count = max(1, int(length // (2 * _DASH)))
    places = np.linspace(0, 1, 2 * count + 2)

    def at(share: float) -> tuple[float, float]:
        return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])

    return [
        (at(a), at(b)) for a, b in zip(places[::2].tolist(), places[1::2].tolist(), strict=True)
    ]
