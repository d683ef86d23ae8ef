"""A model that finds what it is told to, without any framework."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gluon_ssd.deploy.runtime_model import RuntimeModel


@dataclass
class FixedModel(RuntimeModel):
    """Finds the same rows (label, score, x_min, y_min, x_max, y_max) in every image.

    Attributes:
        rows: what is found; labels below 0 are empty rows.
        seen: shapes of the images it was given.
        images: the last ones.
    """

    rows: list = field(default_factory=list)
    input_size_hw: tuple = (50, 100)
    num_classes: int = 2
    name = "fixed"
    precision = "float32"
    record = None
    threads = 3

    def __post_init__(self):
        self.seen = []

    def run(self, images):
        self.seen.append(images.shape)
        self.images = images
        found = np.tile(np.array(self.rows, np.float32).reshape(-1, 6), (len(images), 1, 1))
        return found[..., :1], found[..., 1:2], found[..., 2:]
