"""The transforms of the reference detectors the long way: every step on every pixel, in order.

Written after their descriptions: Pillow for pixels, plain loops for windows.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageEnhance

from gluon_ssd.data.augment.settings import StepAugmentation
from gluon_ssd.data.augment.step_colors import CHANNEL_ORDERS, ColorStep
from gluon_ssd.data.augment.steps import StepDraw
from gluon_ssd.detection.input_format import InputFormat


def slow_recolored(image: np.ndarray, steps: tuple[ColorStep, ...]) -> np.ndarray:
    """uint8 (H, W, 3) -> same, through a Pillow image for each step."""
    for name, amount in steps:
        picture = Image.fromarray(np.ascontiguousarray(image))
        if name == "brightness":
            picture = ImageEnhance.Brightness(picture).enhance(amount)
        elif name == "contrast":
            picture = ImageEnhance.Contrast(picture).enhance(amount)
        elif name == "saturation":
            picture = ImageEnhance.Color(picture).enhance(amount)
        elif name == "hue":
            hue, saturation, value = picture.convert("HSV").split()
            turned = np.array(hue, np.int64) + int(amount / 360 * 255)
            turned = Image.fromarray((turned % 256).astype(np.uint8))
            picture = Image.merge("HSV", (turned, saturation, value)).convert("RGB")
        else:
            picture = Image.fromarray(
                np.stack([np.asarray(picture)[..., c] for c in CHANNEL_ORDERS[int(amount)]], axis=2)
            )
        image = np.asarray(picture)
    return image


def slow_twisted(image: np.ndarray, steps: tuple[ColorStep, ...]) -> np.ndarray:
    """uint8 (H, W, 3) -> same: chroma scaled and turned, contrast about 128, brightness."""
    amounts = dict(steps)
    pixels = image.astype(np.float64)
    red, green, blue = np.moveaxis(pixels, -1, 0)
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    i = amounts["saturation"] * (0.596 * red - 0.274 * green - 0.321 * blue)
    q = amounts["saturation"] * (0.211 * red - 0.523 * green + 0.311 * blue)
    cosine, sine = np.cos(np.radians(amounts["hue"])), np.sin(np.radians(amounts["hue"]))
    i, q = cosine * i + sine * q, cosine * q - sine * i
    turned = [y + 0.956 * i + 0.621 * q, y - 0.272 * i - 0.647 * q, y - 1.107 * i + 1.705 * q]
    pixels = 128 + amounts["contrast"] * (np.stack(turned, axis=-1) - 128)
    return np.clip(np.rint(amounts["brightness"] * pixels), 0, 255).astype(np.uint8)


def slow_bilinear(pixels: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """float (H, W, 3) -> float64: four pixels whatever the scale, half-pixel centres."""
    for axis, length in enumerate(size_hw):
        old = pixels.shape[axis]
        place = np.clip((np.arange(length) + 0.5) * old / length - 0.5, 0, old - 1)
        low = np.floor(place).astype(int)
        share = np.expand_dims(place - low, [a for a in range(3) if a != axis])
        upper = pixels.take(np.minimum(low + 1, old - 1), axis)
        pixels = (1 - share) * pixels.take(low, axis) + share * upper
    return pixels


def slow_resized(image: np.ndarray, input_format: InputFormat) -> np.ndarray:
    """uint8 (H, W, 3) by the rules "pil" (uint8) and "linear" (float64)."""
    if input_format.resize == "pil":
        picture = Image.fromarray(np.ascontiguousarray(image))
        return np.asarray(picture.resize(input_format.size_hw[::-1], Image.Resampling.BILINEAR))
    return slow_bilinear(image.astype(np.float64), input_format.size_hw)


def slow_steps(
    image: np.ndarray, draw: StepDraw, augmentation: StepAugmentation, input_format: InputFormat
) -> np.ndarray:
    """Colour, canvas, crop, flip, resize, colour, normalise; float64 (3, H, W)."""
    if augmentation.colors == "distort":
        image = slow_recolored(image, draw.colors)
    canvas = np.empty((*draw.canvas_hw, 3), np.uint8)
    canvas[:] = augmentation.fill
    x, y = draw.place_xy
    canvas[y : y + image.shape[0], x : x + image.shape[1]] = image
    if draw.crop is not None:
        x, y, width, height = draw.crop.pixels
        canvas = canvas[y : y + height, x : x + width]
    if draw.flip:
        canvas = canvas[:, ::-1]
    pixels = slow_resized(canvas, input_format)
    if augmentation.colors == "jitter":
        pixels = slow_recolored(pixels, draw.colors)
    elif augmentation.colors == "twist":
        pixels = slow_twisted(pixels, draw.colors)
    normalized = (pixels / 255.0 - input_format.mean) / input_format.std
    return normalized.transpose(2, 0, 1)


def slow_crop(
    rng: np.random.Generator,
    boxes_px: np.ndarray,
    size_hw: tuple[int, int],
    augmentation: StepAugmentation,
) -> tuple[float, float, float, float] | None:
    """Edges of the crop by the same random numbers as the package's, one window at a time."""
    low, high = augmentation.crop_scale
    floors = augmentation.crop_floors
    while True:
        mode, *shares = rng.random(1 + 4 * augmentation.crop_tries).tolist()
        chosen = int(mode * (len(floors) + 1))
        if chosen == len(floors):
            return None
        for number in range(augmentation.crop_tries):
            window = shares[4 * number : 4 * number + 4]
            sides = [low + (high - low) * share for share in window[:2]]
            edges = _edges(sides, window[2:], size_hw, augmentation)
            if edges and _will_do(edges, boxes_px, floors[chosen], augmentation.crop):
                return edges


def _edges(
    sides: list[float],
    place: list[float],
    size_hw: tuple[int, int],
    augmentation: StepAugmentation,
) -> tuple[float, float, float, float] | None:
    height, width = size_hw
    narrowest, widest = augmentation.crop_aspect
    if augmentation.crop == "any":
        crop_width, crop_height = int(sides[0] * width), int(sides[1] * height)
        if not crop_width or not crop_height:
            return None
        left = int((width - crop_width) * place[0])
        top = int((height - crop_height) * place[1])
        if narrowest <= crop_width / crop_height <= widest:
            return (left, top, left + crop_width, top + crop_height)
        return None
    left, top = (1 - sides[0]) * place[0], (1 - sides[1]) * place[1]
    if narrowest <= sides[0] / sides[1] <= widest:
        right, bottom = left + sides[0], top + sides[1]
        return (left * width, top * height, right * width, bottom * height)
    return None


def _will_do(
    edges: tuple[float, float, float, float], boxes_px: np.ndarray, floor: float, rule: str
) -> bool:
    left, top, right, bottom = edges
    inside, reached = [], []
    for x_min, y_min, x_max, y_max in boxes_px.tolist():
        center_x, center_y = (x_min + x_max) / 2, (y_min + y_max) / 2
        inside.append(left < center_x < right and top < center_y < bottom)
        shared = max(min(right, x_max) - max(left, x_min), 0) * max(
            min(bottom, y_max) - max(top, y_min), 0
        )
        joined = (right - left) * (bottom - top) + (x_max - x_min) * (y_max - y_min) - shared
        reached.append(shared / joined > floor if rule == "all" else shared / joined >= floor)
    if rule == "all":
        return any(inside) and all(reached)
    return any(a and b for a, b in zip(inside, reached, strict=True))
