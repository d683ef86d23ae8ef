"""Random colours on 8-bit pixels, one step after another, each cut to 0-255, as Pillow does them.

The reference detectors were trained on pixels that are rounded and cut after each step, so the
order matters and no single map can stand for several. Every step here gives Pillow's own numbers:
`ImageEnhance` for the first three, and a turn of the hue of its "HSV" for the fourth.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from gluon_ssd.data.augment.color import RGB_TO_YIQ, YIQ_TO_RGB
from gluon_ssd.data.augment.settings import Range, StepAugmentation

COLOR_STEPS = ("brightness", "contrast", "saturation", "hue", "channels")

_LEVELS = np.arange(256, dtype=np.float32)


class ColorStep(NamedTuple):
    """One step.

    Attributes:
        name: one of COLOR_STEPS.
        amount: a factor, or the hue's turn in degrees, or a number 0-5 of an order of channels.
    """

    name: str
    amount: float


CHANNEL_ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def draw_jitter(rng: np.random.Generator, augmentation: StepAugmentation) -> tuple[ColorStep, ...]:
    """All four of brightness, contrast, saturation and hue, in random order."""
    steps = _drawn_steps(rng, augmentation)
    return tuple(steps[i] for i in rng.permutation(len(steps)))


def draw_distortion(
    rng: np.random.Generator, augmentation: StepAugmentation
) -> tuple[ColorStep, ...]:
    """Brightness, saturation and hue, contrast before or after the last two, new channel order.

    Each is left out by chance. Source: the photometric distortion of SSD, arXiv:1512.02325,
    section 2.2, as torchvision's reference training draws it.
    """
    brightness, contrast, saturation, hue = _drawn_steps(rng, augmentation)
    chances, contrast_first = rng.random(5), rng.random() < 0.5
    channels = ColorStep("channels", int(rng.integers(len(CHANNEL_ORDERS))))
    order = [brightness, saturation, hue, channels]
    order.insert(1 if contrast_first else 3, contrast)
    drawn = chances < augmentation.color_probability
    return tuple(step for step, is_drawn in zip(order, drawn, strict=True) if is_drawn)


def _drawn_steps(rng: np.random.Generator, augmentation: StepAugmentation) -> list[ColorStep]:
    ranges: Sequence[Range] = (
        augmentation.brightness,
        augmentation.contrast,
        augmentation.saturation,
        (-augmentation.hue, augmentation.hue),
    )
    amounts = [
        low + (high - low) * share for (low, high), share in zip(ranges, rng.random(4), strict=True)
    ]
    return list(map(ColorStep, COLOR_STEPS, amounts))


def recolored(image: np.ndarray, steps: Sequence[ColorStep]) -> np.ndarray:
    """uint8 (H, W, 3) RGB after the steps, one after another; the image itself without any."""
    for name, amount in steps:
        image = _STEPS[name](image, amount)
    return image


def _brightness(image: np.ndarray, factor: float) -> np.ndarray:
    return cv2.LUT(image, _blended(np.float32(0), _LEVELS, factor))


def _contrast(image: np.ndarray, factor: float) -> np.ndarray:
    grey = _grey(image)
    mean = int(int(grey.sum(dtype=np.int64)) / grey.size + 0.5)
    return cv2.LUT(image, _blended(np.float32(mean), _LEVELS, factor))


def _saturation(image: np.ndarray, factor: float) -> np.ndarray:
    grey = Image.fromarray(_grey(image)).convert("RGB")
    return np.asarray(Image.blend(grey, Image.fromarray(image), factor))


def _hue(image: np.ndarray, degrees: float) -> np.ndarray:
    hue, saturation, value = cv2.split(np.asarray(Image.fromarray(image).convert("HSV")))
    # A turn is 255 levels and is cut, not rounded, to whole ones; the sum wraps at 256.
    turned = (hue.astype(np.uint16) + int(degrees / 360 * 255) % 256) & 255
    places = (turned << 8) | saturation
    planes = []
    for table in _shares():
        plane = table.take(places)
        plane *= value
        plane += np.float32(0.5)
        planes.append(plane.astype(np.uint8))
    return cv2.merge(planes)


def _channels(image: np.ndarray, number: float) -> np.ndarray:
    return np.ascontiguousarray(image[..., CHANNEL_ORDERS[int(number)]])


_STEPS = {
    "brightness": _brightness,
    "contrast": _contrast,
    "saturation": _saturation,
    "hue": _hue,
    "channels": _channels,
}


def _grey(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).convert("L"))


def _blended(base: np.ndarray | np.float32, values: np.ndarray, factor: float) -> np.ndarray:
    """uint8: from `base` (factor 0) to `values` (factor 1) and beyond, cut, in single precision."""
    mixed = base + np.float32(factor) * (values - base)
    return np.clip(mixed, 0, 255).astype(np.uint8)


@functools.cache
def _shares() -> np.ndarray:
    """float32 (3, 65536): R, G, B over the value V, by hue * 256 + saturation.

    Pillow's HSV has six sectors of 42.5 hues; in each one channel keeps the value, one has the
    least share and the third one rises or falls between them.
    """
    hue, saturation = np.divmod(np.arange(65536), 256)
    hue = hue.astype(np.float32) * np.float32(6) / np.float32(255)
    saturation = saturation.astype(np.float32) / np.float32(255)
    sector = np.floor(hue)
    rise = hue - sector
    least = 1 - saturation
    falling, rising = 1 - saturation * rise, 1 - saturation * (1 - rise)
    full = np.ones_like(least)
    by_sector = [
        (full, rising, least),
        (falling, full, least),
        (least, full, rising),
        (least, falling, full),
        (rising, least, full),
        (full, least, falling),
    ]
    table = np.array(by_sector, dtype=np.float32)  # (6, 3, 65536)
    chosen = sector.astype(np.int64) % 6
    return np.ascontiguousarray(table[chosen, :, np.arange(65536)].T)


def twist_matrix(steps: Sequence[ColorStep]) -> np.ndarray:
    """float64 (3, 4): all steps but a channel order as one affine map of RGB in 0-255.

    Saturation and hue act on colour differences, contrast about 128, brightness last, whatever
    the order of the steps. Source: DALI's `color_twist`, whose hue turns the other way round than
    that of the legacy recipe.
    """
    amounts = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0, **dict(steps)}
    angle = math.radians(amounts["hue"])
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = np.array([[1, 0, 0], [0, cosine, sine], [0, -sine, cosine]])
    chroma = np.diag([1, amounts["saturation"], amounts["saturation"]])
    factor = amounts["brightness"] * amounts["contrast"]
    mix = factor * YIQ_TO_RGB @ turn @ chroma @ RGB_TO_YIQ
    shift = 128 * (amounts["brightness"] - factor)
    return np.concatenate([mix, np.full((3, 1), shift)], axis=1)


def twisted(image: np.ndarray, steps: Sequence[ColorStep]) -> np.ndarray:
    """uint8 (H, W, 3) after `twist_matrix`, rounded and cut once."""
    # In float: the map of 8-bit pixels would be done with a matrix of few digits.
    return to_8_bits(cv2.transform(image.astype(np.float32), twist_matrix(steps)))


def to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """uint8, rounded and cut to 0-255, of uint8 or float32 pixels."""
    if pixels.dtype == np.uint8:
        return pixels
    return cv2.multiply(pixels, 1.0, dtype=cv2.CV_8U)
