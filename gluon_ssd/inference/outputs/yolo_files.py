"""Detections as label files of YOLO, to correct by hand and to train on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from gluon_ssd.evaluation.saved_detections import class_name
from gluon_ssd.inference.found import Found
from gluon_ssd.inference.outputs.seen import Output, Seen
from gluon_ssd.system.files import atomic_write, ensure_directory


class YoloFiles(Output):
    """Writes FOLDER/labels/LABEL.txt and FOLDER/classes.txt; see `Output`.

    Args:
        folder: of the files.
        classes: names in label order; where there are too few, classes are named by their numbers.

    A line is class, x and y of the centre, width and height, as fractions of the picture. A picture
    without objects has an empty file, which says that it was looked at. Scores do not stand there:
    a label has none, and readers of labels refuse them.
    """

    def __init__(self, folder: Path, classes: Sequence[str]) -> None:
        self._folder, self._classes = folder, list(classes)

    def add(self, seen: Seen) -> None:
        """Write the label file of a picture."""
        highest = max(seen.found.labels.tolist(), default=-1)
        if highest >= len(self._classes):
            missing = range(len(self._classes), highest + 1)
            self._classes += [class_name(label, self._classes) for label in missing]
            self._write_classes()
        path = self._folder / "labels" / f"{seen.label}.txt"
        ensure_directory(path.parent)
        with atomic_write(path, "w") as file:
            file.write(yolo_lines(seen.found))

    def _begin(self, stack: ExitStack) -> None:
        ensure_directory(self._folder)
        self._write_classes()

    def _write_classes(self) -> None:
        # Names are one a line, so a break within one is a blank.
        with atomic_write(self._folder / "classes.txt", "w") as file:
            file.writelines(" ".join(name.split()) + "\n" for name in self._classes)


def yolo_lines(found: Found) -> str:
    """The content of a label file; boxes without width or height are left out."""
    height, width = found.size_hw
    boxes = found.boxes_px.astype(np.float64) / np.array([width, height] * 2)
    lines = []
    for label, (x_min, y_min, x_max, y_max) in zip(
        found.labels.tolist(), boxes.tolist(), strict=True
    ):
        sides = x_max - x_min, y_max - y_min
        if min(sides) > 0:
            numbers = ((x_min + x_max) / 2, (y_min + y_max) / 2, *sides)
            lines.append(f"{label} " + " ".join(f"{number:.6f}" for number in numbers) + "\n")
    return "".join(lines)
