"""Write a data set as YOLO txt: data.yaml, images/SPLIT, labels/SPLIT, classes.txt.

A line of a label file is "class x_center y_center width height", the class from 0, the others
shares of the image. Shares are written with all their digits, so that no box moves.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Sequence

import numpy as np

from gluon_ssd.data.convert.job import CLASSES_FILE, Job
from gluon_ssd.data.convert.part import Item, Part
from gluon_ssd.data.sources.voc_writing import write_lines

# Programs find a label file by the last folder "images" of a path, which they take for "labels".
_RESERVED = ("images", "labels")


def write_yolo(job: Job, parts: Sequence[Part]) -> None:
    """Write all splits. Raises DataError for an image file that cannot be read, and OSError."""
    for part in parts:
        names = job.names([part], _RESERVED)
        for item in part.items():
            name, _ = names.name(item.path, item.image_id)
            job.place(item, f"images/{part.name}", name)
            file = job.folder / "labels" / part.name / f"{posixpath.splitext(name)[0]}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            write_lines(file, label_lines(item))
            job.done(part, f"images/{part.name}/{name}")
        job.renamed += names.changed
    write_lines(job.folder / CLASSES_FILE, job.classes)
    write_lines(job.folder / "data.yaml", _yaml_lines(job, parts))


def label_lines(item: Item) -> Iterator[str]:
    """The lines of an image's label file; none for a background image."""
    height, width = item.size_hw
    boxes = item.annotation.boxes_px.astype(np.float64) / (width, height, width, height)
    sides = boxes[:, 2:] - boxes[:, :2]
    # By halves of the side, so that an edge at 0 is read as 0.
    centers = boxes[:, :2] + sides / 2
    rows = np.concatenate([centers, sides], axis=1).tolist()
    for label, row in zip(item.annotation.labels.tolist(), rows, strict=True):
        yield f"{label} {' '.join(map(repr, row))}"


def _yaml_lines(job: Job, parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        yield f"{part.name}: images/{part.name}"
    yield f"nc: {len(job.classes)}"
    yield "names:"
    for label, name in enumerate(job.classes):
        # A text in JSON's quotes is one in YAML's.
        yield f"  {label}: {json.dumps(name, ensure_ascii=False)}"
