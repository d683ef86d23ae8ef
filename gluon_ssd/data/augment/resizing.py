"""Resize an image by the rule of its network, and normalise it."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from gluon_ssd.data.augment.color import normalizing_matrix
from gluon_ssd.detection.input_format import InputFormat


def resized(image: np.ndarray, input_format: InputFormat) -> np.ndarray:
    """An image, uint8 (H, W, 3), in the size of the input, by the rule of `RESIZES`.

    Returns:
        (height, width, 3); uint8 for the rules that round to 8 bits, float32 for "linear".
    """
    width_height = input_format.size_hw[::-1]
    if input_format.resize == "pil":
        return np.asarray(Image.fromarray(image).resize(width_height, Image.Resampling.BILINEAR))
    if input_format.resize == "linear":
        # Weights are shares of 1, so this commutes with the normalisation, as float rounds.
        return cv2.resize(image.astype(np.float32), width_height, interpolation=cv2.INTER_LINEAR)
    interpolation = interpolation_of(image.shape[:2], input_format.size_hw)
    return cv2.resize(image, width_height, interpolation=interpolation)


def interpolation_of(from_hw: tuple[int, ...], to_hw: tuple[int, int]) -> int:
    """OpenCV's number of the rule "auto" of `RESIZES`, from one (height, width) to another."""
    if to_hw[0] > from_hw[0] and to_hw[1] > from_hw[1]:
        return cv2.INTER_CUBIC
    if to_hw[0] < from_hw[0] and to_hw[1] < from_hw[1]:
        return cv2.INTER_AREA
    return cv2.INTER_LINEAR


def normalized_planes(pixels: np.ndarray, input_format: InputFormat) -> np.ndarray:
    """float32 (3, H, W) of RGB (H, W, 3) in 0-255, uint8 or float32: (value / 255 - mean) / std."""
    result = np.empty((3, *pixels.shape[:2]), dtype=np.float32)
    matrix = normalizing_matrix(input_format.mean, input_format.std).astype(np.float32)
    for channel, (plane, target) in enumerate(zip(cv2.split(pixels), result, strict=True)):
        np.multiply(plane, matrix[channel, channel], out=target)
        target += matrix[channel, 3]
    return result
