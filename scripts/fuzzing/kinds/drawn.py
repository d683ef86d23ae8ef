"""Small pictures and data sets that the fuzzers begin with."""

from __future__ import annotations

import random

import cv2
import numpy as np

HEIGHT, WIDTH = 48, 64
CLASSES = ("cat", "dog")


def picture(number: int, ending: str = ".png", size_hw: tuple[int, int] = (HEIGHT, WIDTH)) -> bytes:
    """A picture of coarse noise in a format that OpenCV writes."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    is_written, data = cv2.imencode(ending, cv2.resize(coarse, size_hw[::-1]))
    assert is_written, ending
    return bytes(data.tobytes())


def boxes(draw: random.Random, count: int) -> list[tuple[int, int, int, int]]:
    """Corners inside a picture, counted from 0, none of them the same."""
    found: dict[tuple[int, int, int, int], None] = {}
    while len(found) < count:
        x_min, y_min = draw.randrange(1, WIDTH - 24), draw.randrange(1, HEIGHT - 20)
        width, height = draw.randrange(6, 20), draw.randrange(6, 16)
        found[x_min, y_min, x_min + width, y_min + height] = None
    return list(found)
