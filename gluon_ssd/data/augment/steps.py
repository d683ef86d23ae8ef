"""The training transforms of the reference detectors, as `StepAugmentation` describes them.

As in `transforms`, everything is drawn first, looking at boxes only, and then applied, so that
pixels which a crop throws away are not touched where that changes nothing: after the last change
of contrast, which looks at the whole image.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from gluon_ssd.data.augment.crop import Window, draw_canvas, visible_part
from gluon_ssd.data.augment.resizing import normalized_planes, resized
from gluon_ssd.data.augment.settings import StepAugmentation
from gluon_ssd.data.augment.step_colors import (
    ColorStep,
    draw_distortion,
    draw_jitter,
    recolored,
    to_8_bits,
    twisted,
)
from gluon_ssd.data.augment.step_crop import Crop, cut_boxes, draw_step_crop
from gluon_ssd.detection.boxes import flip_boxes_horizontally
from gluon_ssd.detection.input_format import InputFormat


@dataclass(frozen=True)
class StepDraw:
    """Everything random about one training sample.

    Attributes:
        colors: the steps, in their order.
        canvas_hw: canvas size; the image's own size when it is not expanded.
        place_xy: where the image's corner lies on the canvas.
        crop: the part of the canvas that is shown; None for all of it.
        flip: mirror left to right.
    """

    colors: tuple[ColorStep, ...]
    canvas_hw: tuple[int, int]
    place_xy: tuple[int, int]
    crop: Crop | None
    flip: bool


def step_transform(
    image: np.ndarray,
    boxes_px: np.ndarray,
    labels: np.ndarray,
    *,
    input_format: InputFormat,
    rng: np.random.Generator,
    augmentation: StepAugmentation,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Augment one training image; arguments and results are those of `train_transform`.

    Images are resized by the rule of the network.
    """
    draw = draw_steps(rng, boxes_px, image.shape[:2], augmentation)
    pixels = apply_steps(image, draw, augmentation, input_format)
    boxes, kept = move_boxes(boxes_px, draw, input_format.size_hw)
    return pixels, boxes, np.asarray(labels)[kept]


def draw_steps(
    rng: np.random.Generator,
    boxes_px: np.ndarray,
    size_hw: tuple[int, ...],
    augmentation: StepAugmentation,
) -> StepDraw:
    """Draw one sample's augmentation from the image size and its boxes (M, 4); see StepDraw."""
    height, width = size_hw
    colors: tuple[ColorStep, ...] = ()
    if augmentation.colors:
        draw_colors = draw_distortion if augmentation.colors == "distort" else draw_jitter
        colors = draw_colors(rng, augmentation)
    flip = bool(rng.random() < augmentation.flip_probability)
    canvas_hw, place_xy = draw_canvas(rng, (height, width), augmentation)
    crop = None
    if augmentation.crop:
        on_canvas = np.reshape(boxes_px, (-1, 4)) + np.array(place_xy * 2)
        crop = draw_step_crop(rng, on_canvas, canvas_hw, augmentation)
    return StepDraw(colors, canvas_hw, place_xy, crop, flip)


def move_boxes(
    boxes_px: np.ndarray, draw: StepDraw, input_size_hw: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (M, 4) of the source image in pixels of the result, and bool (M,), which stayed."""
    boxes = np.reshape(boxes_px, (-1, 4)) + np.array(draw.place_xy * 2, dtype=np.float64)
    kept, (height, width) = np.ones(len(boxes), dtype=bool), draw.canvas_hw
    shown_wh = np.array([width, height], dtype=np.float64)
    if draw.crop is not None:
        edges = np.array(draw.crop.edges_px)
        boxes, kept = cut_boxes(boxes, draw.crop.edges_px)
        shown_wh = edges[2:] - edges[:2]
    boxes = (boxes * np.tile(input_size_hw[::-1] / shown_wh, 2)).astype(np.float32)
    return flip_boxes_horizontally(boxes, input_size_hw[1]) if draw.flip else boxes, kept


def apply_steps(
    image: np.ndarray, draw: StepDraw, augmentation: StepAugmentation, input_format: InputFormat
) -> np.ndarray:
    """Do to the pixels of an image, uint8 (H, W, 3) RGB, what draw_steps drew for its size.

    Returns:
        float32 (3, height, width), normalised.
    """
    early, late = (draw.colors, ()) if augmentation.colors == "distort" else ((), draw.colors)
    last = max((i for i, step in enumerate(early) if step.name == "contrast"), default=-1) + 1
    canvas_height, canvas_width = draw.canvas_hw
    window = draw.crop.pixels if draw.crop else Window(0, 0, canvas_width, canvas_height)
    visible, borders = visible_part(recolored(image, early[:last]), window, draw.place_xy)
    if visible.size:
        visible = recolored(np.ascontiguousarray(visible), early[last:])
    if any(borders):
        fill = (*augmentation.fill, 0)
        visible = cv2.copyMakeBorder(visible, *borders, cv2.BORDER_CONSTANT, value=fill)
    pixels = resized(visible, input_format)
    if late:
        recolor = twisted if augmentation.colors == "twist" else recolored
        pixels = recolor(to_8_bits(pixels), late)
    if draw.flip:
        pixels = cv2.flip(pixels, 1)
    return normalized_planes(pixels, input_format)
