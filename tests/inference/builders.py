"""A detector whose answers are known: the runtime of NumPy alone, and pictures for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from gluon_ssd.deploy.runtime_model import RuntimeModel
from tests.toy_runtime import load, write_toy

SIZE_HW = (40, 60)
CLASSES = ("red", "green", "blue")


def toy_model(folder: Path) -> RuntimeModel:
    """Finds the one bright rectangle of a picture; its class is the strongest colour."""
    write_toy(folder / "toy", CLASSES, SIZE_HW)
    path = str(folder / "toy")
    return load(path, input_size_hw=None, device="cpu", fuse=True, threads=0, streams=0)


def bright(label: int, box=(6, 8, 30, 20), size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    """A dark picture, RGB, with a rectangle in the colour of a class."""
    pixels = np.zeros((*size_hw, 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2], label] = 255
    return pixels


def write_bright(path: Path, label: int, **where) -> Path:
    """The same as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(bright(label, **where)).save(path)
    return path
