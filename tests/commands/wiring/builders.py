"""What tests of wiring share: an input format, a target maker, a command on a small set."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.options.train_data import TrainDataOptions
from tests.entry_builders import voc_set

FORMAT = InputFormat((300, 300), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def two_rows(boxes_px, labels):
    """A target maker of no family: how many boxes there are, and the first of them."""
    classes, boxes = np.zeros(2, np.int32), np.zeros((2, 4), np.float32)
    classes[:] = len(labels)
    boxes[: min(2, len(boxes_px))] = boxes_px[:2]
    return classes, boxes


def training_command(folder: Path) -> TrainCommand:
    """Training without workers, two images a step, on a VOC set that is made below the folder."""
    root = str(voc_set(folder / "set"))
    data = TrainDataOptions(dataset="custom", dataset_root=root, num_workers=0, keep_empty=True)
    command = dataclasses.replace(TrainCommand(), data=data)
    return dataclasses.replace(
        command, optimizer=dataclasses.replace(command.optimizer, batch_size=2)
    )
