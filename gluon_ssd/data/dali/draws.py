"""What DALI draws for a batch, and how an image becomes a training image by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gluon_ssd.data.augment.color import ColorDraw
from gluon_ssd.data.augment.crop import Window
from gluon_ssd.data.augment.transforms import TrainDraw


class Draws(NamedTuple):
    """What was drawn for the B images of a batch; places and sizes are shares.

    | name | shape | dtype | meaning |
    |---|---|---|---|
    | zoom | (B,) | float32 | canvas side over image side |
    | paste | (B, 2) | float32 | x, y of the image in the room the canvas leaves, 0 to 1 |
    | anchor | (B, 2) | float32 | x, y of the crop's corner, in shares of the canvas |
    | shape | (B, 2) | float32 | width, height of the crop, in shares of the canvas |
    | twist | (B, 4) | float32 | brightness, contrast, saturation (factors), hue (degrees) |
    | flip | (B,) | int32 | 1 mirrors left to right |
    """

    zoom: np.ndarray
    paste: np.ndarray
    anchor: np.ndarray
    shape: np.ndarray
    twist: np.ndarray
    flip: np.ndarray

    def train_draw(self, row: int, size_hw: tuple[int, int]) -> TrainDraw:
        """The same in whole pixels of one image of that size, colours aside."""
        size = np.array(size_hw[::-1])  # width, height, as everything drawn
        canvas = np.maximum((size * self.zoom[row]).astype(np.int64), size)
        place = np.rint(self.paste[row] * (canvas - size)).astype(np.int64)
        low = np.rint(self.anchor[row] * canvas).astype(np.int64)
        high = np.rint((self.anchor[row] + self.shape[row]) * canvas).astype(np.int64)
        low = np.clip(low, 0, canvas - 1)
        high = np.clip(high, low + 1, canvas)
        return TrainDraw(
            color=ColorDraw(),
            canvas_hw=(int(canvas[1]), int(canvas[0])),
            place_xy=(int(place[0]), int(place[1])),
            crop=Window(*low.tolist(), *(high - low).tolist()),
            interpolation=1,
            flip=bool(self.flip[row]),
        )


class Geometry(NamedTuple):
    """How one image becomes a training image, each pair (y, x).

    Attributes:
        start, shape: the part of the image that the crop shows, whole pixels.
        size: what that part is resized to, whole pixels of the result.
        roi: where the resized part begins (y, x) and ends (y, x) in pixels of the part; up to half
            a pixel of the result off its edges, so that nothing moves where it meets the canvas.
        place: where it lies in the result, as a share of the room it leaves.
    """

    start: tuple[int, int]
    shape: tuple[int, int]
    size: tuple[int, int]
    roi: tuple[float, float, float, float]
    place: tuple[float, float]


def geometry(
    draw: TrainDraw, image_hw: tuple[int, int], input_size_hw: tuple[int, int]
) -> Geometry:
    """Take the part of the image out of a crop of its canvas, so that no canvas is ever made.

    The draw is for an image of this size, and its crop shows some of the image.
    """
    crop_low = (draw.crop.y, draw.crop.x)
    crop_size = (draw.crop.height, draw.crop.width)
    axes = [
        _axis(low - place, length, image, result)
        for low, length, place, image, result in zip(
            crop_low, crop_size, draw.place_xy[::-1], image_hw, input_size_hw, strict=True
        )
    ]
    start, shape, size, roi_low, roi_high, place = zip(*axes, strict=True)
    return Geometry(start, shape, size, (*roi_low, *roi_high), place)


def _axis(
    low: int, length: int, image: int, result: int
) -> tuple[int, int, int, float, float, float]:
    """One axis of a Geometry: a crop of `length` pixels that begins at `low` of the image."""
    first, last = max(low, 0), min(low + length, image)
    scale = result / length
    shown_low, shown_high = (first - low) * scale, (last - low) * scale
    out_low = min(round(shown_low), result - 1)
    out_high = max(round(shown_high), out_low + 1)
    size = out_high - out_low
    roi_low, roi_high = (out_low - shown_low) / scale, (out_high - shown_low) / scale
    place = out_low / (result - size) if size < result else 0.0
    return first, last - first, size, roi_low, roi_high, place


def stack_geometries(parts: Sequence[Geometry]) -> tuple[np.ndarray, ...]:
    """The fields of B geometries as arrays (B, 2) and (B, 4).

    Start and shape are int32, the others float32; DALI's resize needs the size as float32 too.
    """
    dtypes = (np.int32, np.int32, np.float32, np.float32, np.float32)
    columns = zip(*parts, strict=True)
    return tuple(np.array(c, dtype=d) for c, d in zip(columns, dtypes, strict=True))
