"""Images and boxes to network input: the random transform of training, the plain one of evaluation.

Training first draws everything (`draw_train`: colours, canvas, crop, interpolation, flip), looking
at boxes only, and then touches each pixel once (`apply_train`): colours and normalisation are one
affine map, which commutes with resampling, and the canvas around the image is never made larger
than the crop. Pixels are float from the colour step on and never clipped, so the result is that of
the long way (colour, expand, crop, resize, flip, normalise one after the other) to float rounding.

Images come in as uint8 (H, W, 3) RGB and go out as float32 (3, H, W), (value / 255 - mean) / std.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from gluon_ssd.data.augment.color import (
    ColorDraw,
    color_matrix,
    compose,
    draw_color,
    normalizing_matrix,
)
from gluon_ssd.data.augment.crop import (
    Window,
    crop_boxes,
    draw_canvas,
    draw_crop,
    visible_part,
)
from gluon_ssd.data.augment.resizing import normalized_planes, resized
from gluon_ssd.data.augment.settings import Augmentation
from gluon_ssd.detection.boxes import flip_boxes_horizontally, resize_boxes
from gluon_ssd.detection.input_format import InputFormat

# In the order of MXNet's codes 0-4, of which training draws one evenly.
INTERPOLATIONS = (
    cv2.INTER_NEAREST,
    cv2.INTER_LINEAR,
    cv2.INTER_CUBIC,
    cv2.INTER_AREA,
    cv2.INTER_LANCZOS4,
)


@dataclass(frozen=True)
class TrainDraw:
    """Everything random about one training sample.

    Attributes:
        color: the colour steps.
        canvas_hw: canvas size; the image's own size when it is not expanded.
        place_xy: where the image's corner lies on the canvas.
        crop: the part of the canvas that is shown.
        interpolation: MXNet's code: 0 nearest, 1 linear, 2 cubic, 3 area, 4 Lanczos.
        flip: mirror left to right, after the resize.
    """

    color: ColorDraw
    canvas_hw: tuple[int, int]
    place_xy: tuple[int, int]
    crop: Window
    interpolation: int
    flip: bool


def train_transform(
    image: np.ndarray,
    boxes_px: np.ndarray,
    labels: np.ndarray,
    *,
    input_format: InputFormat,
    rng: np.random.Generator,
    augmentation: Augmentation,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Augment one training image the SSD way.

    Args:
        image: uint8 (H, W, 3), RGB.
        boxes_px: float32 (M, 4), corners in pixels of the image; M may be 0.
        labels: int32 (M,), class numbers, carried along.
        input_format: size and normalisation of the result. Its mean is also the colour of the
            expanded canvas; its rule of resizing gives way to the drawn one.
        rng: the image's own generator; everything random comes from it.
        augmentation: ranges and probabilities.

    Returns:
        float32 (3, height, width); float32 (K, 4) boxes in its pixels; their K labels. At least
        one box stays if there was one whose centre lies in the image.

    Source: SSD, arXiv:1512.02325, sections 2.2 and 3.6, with the numbers of the published weights.
    """
    height, width = image.shape[:2]
    draw = draw_train(rng, boxes_px, (height, width), augmentation)
    pixels = apply_train(image, draw, input_format)
    boxes, kept = transform_boxes(boxes_px, draw, input_format.size_hw)
    return pixels, boxes, np.asarray(labels)[kept]


def draw_train(
    rng: np.random.Generator,
    boxes_px: np.ndarray,
    size_hw: tuple[int, int],
    augmentation: Augmentation,
) -> TrainDraw:
    """Draw one sample's augmentation from the image size and its boxes (M, 4); see TrainDraw."""
    color = draw_color(rng, augmentation)
    canvas_hw, place_xy = draw_canvas(rng, size_hw, augmentation)
    on_canvas = np.asarray(boxes_px).reshape(-1, 4) + np.array(place_xy * 2)
    crop = draw_crop(rng, on_canvas, canvas_hw, augmentation)
    interpolation = int(rng.integers(len(INTERPOLATIONS)))
    flip = bool(rng.random() < augmentation.flip_probability)
    return TrainDraw(color, canvas_hw, place_xy, crop, interpolation, flip)


def transform_boxes(
    boxes_px: np.ndarray, draw: TrainDraw, input_size_hw: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (M, 4) of the source image in pixels of the result, and bool (M,), which stayed.

    When no centre lies in the crop, which only happens when none lies in the image either, all
    boxes stay, uncut, as in the legacy recipe.
    """
    on_canvas = np.asarray(boxes_px).reshape(-1, 4) + np.array(draw.place_xy * 2)
    boxes, kept = crop_boxes(on_canvas, draw.crop)
    if not kept.any():
        boxes, kept = on_canvas, np.ones(len(on_canvas), dtype=bool)
    boxes = resize_boxes(boxes, (draw.crop.height, draw.crop.width), input_size_hw)
    if draw.flip:
        boxes = flip_boxes_horizontally(boxes, input_size_hw[1])
    return boxes, kept


def apply_train(image: np.ndarray, draw: TrainDraw, input_format: InputFormat) -> np.ndarray:
    """Do to the pixels of an image, uint8 (H, W, 3) RGB, what draw_train drew for its size.

    Returns:
        float32 (3, height, width). The canvas around the image has the mean colour, so it is 0.
    """
    input_size_hw = input_format.size_hw
    matrix = compose(
        normalizing_matrix(input_format.mean, input_format.std), color_matrix(draw.color)
    )
    visible, borders = visible_part(image, draw.crop, draw.place_xy)
    if visible.size == 0:
        return np.zeros((3, *input_size_hw), dtype=np.float32)
    planes: Sequence[np.ndarray] = cv2.split(cv2.transform(visible.astype(np.float32), matrix))
    result = np.empty((3, *input_size_hw), dtype=np.float32)
    interpolation = INTERPOLATIONS[draw.interpolation]
    canvas: np.ndarray | None = None
    for plane, target in zip(planes, result, strict=True):
        if any(borders):
            # The second and third channel reuse the memory of the first.
            canvas = cv2.copyMakeBorder(plane, *borders, cv2.BORDER_CONSTANT, canvas, (0.0,))
            plane = canvas
        cv2.resize(plane, input_size_hw[::-1], dst=target, interpolation=interpolation)
        if draw.flip:
            cv2.flip(target, 1, dst=target)
    return result


def eval_transform(image: np.ndarray, input_format: InputFormat) -> np.ndarray:
    """Resize and normalise one image, uint8 (H, W, 3) RGB; its aspect is not kept.

    Returns:
        float32 (3, height, width).
    """
    return normalized_planes(resized(image, input_format), input_format)
