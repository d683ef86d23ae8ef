"""Pixels in arrays: what is taken, and what would be a guess and is not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.errors import DataError, OptionError


def rgb_of_array(array: Any, color: str) -> NDArray[np.uint8]:
    """A picture given as array, in RGB.

    Args:
        array: uint8 (H, W, 3); grey (H, W) or (H, W, 1); or with transparency (H, W, 4), whose
            fourth channel is dropped, as it is in files.
        color: "rgb" or "bgr", the order of the first three channels; grey needs none.

    Returns:
        uint8 (H, W, 3), which may share the memory of `array`.

    Raises:
        OptionError: the array has another type or shape, or the order is not given.
        DataError: it has no pixels.
    """
    pixels = as_numpy(array)
    if pixels.dtype != np.uint8:
        raise OptionError(_wrong_type(pixels.dtype))
    shape = pixels.shape
    if not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))):
        raise OptionError(_wrong_shape(shape))
    if 0 in shape:
        raise DataError(f"an array of shape {shape} has no pixels")
    if len(shape) == 2 or shape[2] == 1:
        return np.repeat(pixels.reshape(*shape[:2], 1), 3, axis=2)
    if color == "":
        raise OptionError(
            "an array does not say the order of its channels, and a wrong guess gives wrong boxes "
            'without an error: add color="rgb" (Pillow, imageio, Matplotlib) or color="bgr" '
            "(OpenCV)"
        )
    return pixels[..., :3] if color == "rgb" else np.ascontiguousarray(pixels[..., 2::-1])


def _wrong_type(dtype: Any) -> str:
    start = f"an array of pictures must be uint8 with values 0 to 255; got {dtype}"
    if np.issubdtype(dtype, np.floating):
        return (
            f"{start}, whose range would be a guess (0 to 1, 0 to 255, or normalised); convert it, "
            "such as (255 * array).round().astype(numpy.uint8)"
        )
    return f"{start}; convert it to that range"


def _wrong_shape(shape: tuple[int, ...]) -> str:
    start = f"an array must be one picture (H, W, 3), got shape {shape}"
    if len(shape) == 4:
        return f"{start}; give several as list(array)"
    if len(shape) == 3 and shape[0] in (1, 3, 4):
        return f"{start}; put its channels last: array.transpose(1, 2, 0)"
    return start
