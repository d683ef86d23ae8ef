"""Images on which an exported file must give what MXNet gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.augment.resizing import normalized_planes, resized
from gluon_ssd.detection.input_format import InputFormat

_BATCH = 4
_MADE_UP = 8
_PICTURE_HW = (375, 500)

Pixels = NDArray[np.uint8]


def proof_batches(
    pictures: Iterable[Pixels], input_format: InputFormat
) -> Iterator[NDArray[np.float32]]:
    """Batches float32 (B, 3, H, W), normalised, of whole grey levels.

    Args:
        pictures: uint8 (H, W, 3), RGB.
        input_format: of the network.
    """
    left = iter(pictures)
    while batch := [_prepared(picture, input_format) for picture in islice(left, _BATCH)]:
        yield np.stack(batch)


def _prepared(picture: Pixels, input_format: InputFormat) -> NDArray[np.float32]:
    levels = np.rint(resized(picture, input_format)).astype(np.uint8)
    return normalized_planes(levels, input_format)


def made_up_pictures() -> Iterator[Pixels]:
    """The same few pictures every time, for where there are no real ones."""
    yield from map(made_up_picture, range(_MADE_UP))


def made_up_picture(seed: int) -> Pixels:
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
