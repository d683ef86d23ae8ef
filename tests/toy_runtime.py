"""A runtime of NumPy alone: what a new one has to bring, and nothing that it may leave out.

Its detector finds one bright rectangle: the pixels that are brighter than a threshold, of the class
of their strongest colour. It is the file PREFIX.toy.json with the record and the threshold.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gluon_ssd.deploy.runtime import Runtime
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.models.record import ModelRecord

ENDING = ".toy.json"


@dataclass(frozen=True)
class ToyModel(RuntimeModel):
    """Finds at most one object in an image."""

    name: str
    input_size_hw: tuple[int, int]
    record: ModelRecord
    num_classes: int
    brightness: float
    precision: str = "float32"
    threads: int = 1

    def run(self, images):
        rows = np.full((len(images), 2, 6), -1, np.float32)
        for row, image in zip(rows, images, strict=True):
            bright = image.max(axis=0) > self.brightness
            y, x = np.nonzero(bright)
            if len(x):
                label = image[:, bright].mean(axis=1).argmax()
                row[0] = label, 0.9, x.min(), y.min(), x.max() + 1, y.max() + 1
        return rows[..., :1], rows[..., 1:2], rows[..., 2:]


def load(prefix, *, input_size_hw, device, fuse, threads, streams):
    path = Path(prefix + ENDING)
    found = json.loads(path.read_text())
    record = ModelRecord.from_json(found["record"], str(path))
    return ToyModel(prefix, record.input_size_hw, record, len(record.classes), found["brightness"])


TOY = Runtime(recognises=lambda prefix: Path(prefix + ENDING).is_file(), load=load)


def write_toy(prefix: Path, classes: tuple[str, ...], size_hw: tuple[int, int], **facts) -> None:
    """Write a toy detector for images that are not normalised; `facts` are of its record."""
    record = ModelRecord("toy", classes, size_hw, mean=(0.0,) * 3, std=(1.0,) * 3, **facts)
    content = {"record": record.to_json(), "brightness": 0.7}
    prefix.with_name(prefix.name + ENDING).write_text(json.dumps(content))
