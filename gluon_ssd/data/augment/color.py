"""Random brightness, contrast, saturation and hue as one affine map of RGB.

Each of the four is affine in (R, G, B), so any chain of them is one 3x4 matrix: the pixels are
touched once, however many steps were drawn. Values may leave 0-255 and are not clipped, as in the
recipe the published weights were trained with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gluon_ssd.data.augment.settings import Augmentation

LUMA = np.array([0.299, 0.587, 0.114])
# NTSC YIQ and back, with the three digits of the legacy code, so not quite each other's inverse.
RGB_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.321], [0.211, -0.523, 0.311]])
YIQ_TO_RGB = np.array([[1.0, 0.956, 0.621], [1.0, -0.272, -0.647], [1.0, -1.107, 1.705]])


@dataclass(frozen=True)
class ColorDraw:
    """What to do to the colours of one image; None leaves a step out.

    Attributes:
        brightness: added to every channel, in units of 0-255.
        contrast: factor on every channel.
        saturation: weight of the pixel against its grey value.
        hue: rotation of the colour circle in radians.

    Brightness comes first, hue after saturation. The legacy recipe also draws whether
    contrast comes before saturation or after hue; contrast is a plain factor, which commutes with
    both, so the place is not drawn here.
    """

    brightness: float | None = None
    contrast: float | None = None
    saturation: float | None = None
    hue: float | None = None


def draw_color(rng: np.random.Generator, augmentation: Augmentation) -> ColorDraw:
    """Draw the colour steps of one image."""
    hue_range = math.radians(augmentation.hue)
    ranges = (
        (-augmentation.brightness, augmentation.brightness),
        augmentation.contrast,
        augmentation.saturation,
        (-hue_range, hue_range),
    )
    chances, amounts = rng.random((2, 4))
    brightness, contrast, saturation, hue = (
        low + (high - low) * amount if chance < augmentation.color_probability else None
        for (low, high), chance, amount in zip(ranges, chances, amounts, strict=True)
    )
    return ColorDraw(brightness, contrast, saturation, hue)


def color_matrix(draw: ColorDraw) -> np.ndarray:
    """float64 (3, 4): the affine map of RGB in 0-255 that does all drawn steps at once."""
    mix = np.eye(3)
    if draw.saturation is not None:
        mix = draw.saturation * mix + (1 - draw.saturation) * LUMA
    if draw.hue is not None:
        mix = _hue_matrix(draw.hue) @ mix
    if draw.contrast is not None:
        mix = draw.contrast * mix
    shift = mix.sum(axis=1, keepdims=True) * (draw.brightness or 0.0)
    return np.concatenate([mix, shift], axis=1)


def _hue_matrix(angle: float) -> np.ndarray:
    cosine, sine = math.cos(angle), math.sin(angle)
    rotation = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    return YIQ_TO_RGB @ rotation @ RGB_TO_YIQ


def normalizing_matrix(mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """float64 (3, 4): from RGB in 0-255 to (value / 255 - mean) / std."""
    deviation = np.asarray(std, dtype=np.float64)
    scale = np.diag(1 / (255 * deviation))
    return np.concatenate([scale, -(np.asarray(mean) / deviation)[:, None]], axis=1)


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """float64 (3, 4): first `inner`, then `outer`, both (3, 4)."""
    mix = outer[:, :3] @ inner
    mix[:, 3] += outer[:, 3]
    return mix
