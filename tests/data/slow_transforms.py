"""The training transform the long way: one step after another on float pixels, nothing fused."""

from __future__ import annotations

import cv2
import numpy as np

from gluon_ssd.data.augment.color import ColorDraw
from gluon_ssd.data.augment.transforms import INTERPOLATIONS, TrainDraw


def slow_colors(pixels: np.ndarray, draw: ColorDraw, *, contrast_first: bool) -> np.ndarray:
    """float (H, W, 3) -> same, with the legacy order of contrast chosen by the caller."""
    steps = [_saturation, _hue]
    steps.insert(0 if contrast_first else 2, _contrast)
    if draw.brightness is not None:
        pixels = pixels + draw.brightness
    for step in steps:
        pixels = step(pixels, draw)
    return pixels


def _contrast(pixels: np.ndarray, draw: ColorDraw) -> np.ndarray:
    return pixels if draw.contrast is None else pixels * draw.contrast


def _saturation(pixels: np.ndarray, draw: ColorDraw) -> np.ndarray:
    if draw.saturation is None:
        return pixels
    grey = pixels[..., :1] * 0.299 + pixels[..., 1:2] * 0.587 + pixels[..., 2:] * 0.114
    return pixels * draw.saturation + grey * (1 - draw.saturation)


def _hue(pixels: np.ndarray, draw: ColorDraw) -> np.ndarray:
    if draw.hue is None:
        return pixels
    red, green, blue = np.moveaxis(pixels, -1, 0)
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    i = 0.596 * red - 0.274 * green - 0.321 * blue
    q = 0.211 * red - 0.523 * green + 0.311 * blue
    cosine, sine = np.cos(draw.hue), np.sin(draw.hue)
    i, q = cosine * i - sine * q, sine * i + cosine * q
    turned = [y + 0.956 * i + 0.621 * q, y - 0.272 * i - 0.647 * q, y - 1.107 * i + 1.705 * q]
    return np.stack(turned, axis=-1)


def slow_train(
    image: np.ndarray,
    draw: TrainDraw,
    *,
    input_size_hw: tuple[int, int],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    contrast_first: bool = True,
) -> np.ndarray:
    """Colour, expand, crop, resize, flip, normalise: float32 (3, H, W)."""
    pixels = slow_colors(image.astype(np.float64), draw.color, contrast_first=contrast_first)
    canvas = np.tile(np.array(mean) * 255, (*draw.canvas_hw, 1))
    x, y = draw.place_xy
    canvas[y : y + image.shape[0], x : x + image.shape[1]] = pixels
    x, y, width, height = draw.crop
    crop = canvas[y : y + height, x : x + width].astype(np.float32)
    resized = cv2.resize(
        crop, input_size_hw[::-1], interpolation=INTERPOLATIONS[draw.interpolation]
    )
    if draw.flip:
        resized = resized[:, ::-1]
    return ((resized / 255 - np.array(mean)) / np.array(std)).transpose(2, 0, 1).astype(np.float32)
