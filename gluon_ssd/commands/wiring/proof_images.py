"""Images on which an exported file must give what MXNet gives."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NoReturn

import numpy as np

from gluon_ssd.commands.wiring.pictures import list_sources, read_pictures
from gluon_ssd.data.augment.resizing import normalized_planes, resized
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import DataError

_BATCH = 4
_MADE_UP = 8
_PICTURE_HW = (375, 500)


def proof_images(sources: str, input_format: InputFormat) -> Iterator[np.ndarray]:
    """Batches float32 (B, 3, H, W), normalised, of pictures of whole grey levels.

    Args:
        sources: images, videos and folders, with commas between; empty for made-up pictures.
        input_format: of the network.

    Raises:
        DataError: one of them is not there, or cannot be read.
    """
    pictures = _pictures(sources)
    while batch := [_prepared(picture, input_format) for picture in islice(pictures, _BATCH)]:
        yield np.stack(batch)


def _pictures(sources: str) -> Iterator[np.ndarray]:
    if sources:
        yield from (each.image for each in read_pictures(list_sources(sources), on_bad=_refuse))
        return
    for seed in range(_MADE_UP):
        yield made_up_picture(seed)


def _refuse(error: DataError) -> NoReturn:
    raise error


def _prepared(picture: np.ndarray, input_format: InputFormat) -> np.ndarray:
    levels = np.rint(resized(picture, input_format)).astype(np.uint8)
    return normalized_planes(levels, input_format)


def made_up_picture(seed: int) -> np.ndarray:
    """A picture, uint8 (H, W, 3), of coarse noise with some even rectangles."""
    rng = np.random.default_rng(seed)
    height, width = _PICTURE_HW
    coarse = rng.integers(0, 256, (height // 25, width // 25, 3))
    picture = coarse.repeat(25, axis=0).repeat(25, axis=1).astype(np.uint8)
    for _ in range(6):
        top, left = rng.integers(0, height - 60), rng.integers(0, width - 60)
        bottom, right = top + rng.integers(40, height), left + rng.integers(40, width)
        picture[top:bottom, left:right] = rng.integers(0, 256, 3)
    return picture
