"""Write a data set as RecordIO: SPLIT.rec with its SPLIT.idx and SPLIT.lst, classes.txt.

The label of an image is 4, 6, its width and height, and six numbers for each object: the class from
0, the corners as shares of the image, and 1 if it is difficult. So GluonCV's tutorial has it, and
example/ssd of MXNet the flag.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

import numpy as np

from gluon_ssd.data.convert.image_files import image_content
from gluon_ssd.data.convert.job import CLASSES_FILE, Job
from gluon_ssd.data.convert.part import Item, Part
from gluon_ssd.data.convert.record_file import RecordFile, packed
from gluon_ssd.data.sources.voc_writing import number_text, write_lines

_HEADER_WIDTH, _OBJECT_WIDTH = 4, 6


def write_recordio(job: Job, parts: Sequence[Part]) -> None:
    """Write all splits. Raises DataError for an image file that cannot be read, and OSError."""
    for part in parts:
        names = job.names([part])
        path = job.folder / f"{part.name}.rec"
        with (
            open(path, "wb") as records,
            open(path.with_suffix(".idx"), "w", encoding="utf-8") as index,
            open(path.with_suffix(".lst"), "w", encoding="utf-8") as listing,
        ):
            file = RecordFile(records, path.name)
            for number, item in enumerate(part.items()):
                labels = label_of(item)
                offset = file.write(packed(number, labels, image_content(item.source)))
                index.write(f"{number}\t{offset}\n")
                name, _ = names.name(item.path, item.image_id)
                text = "\t".join(number_text(value) for value in labels.tolist())
                listing.write(f"{number}\t{text}\t{name}\n")
                job.done(part, posixpath.join(part.name, name))
    write_lines(job.folder / CLASSES_FILE, job.classes)


def label_of(item: Item) -> np.ndarray:
    """float32 (4 + 6 M,), the label of an image's record."""
    height, width = item.size_hw
    found = item.annotation
    rows = np.zeros((len(found.labels), _OBJECT_WIDTH), np.float32)
    rows[:, 0] = found.labels
    rows[:, 1:5] = shares(found.boxes_px, (height, width))
    rows[:, 5] = found.difficult
    head = np.array([_HEADER_WIDTH, _OBJECT_WIDTH, width, height], np.float32)
    return np.concatenate([head, rows.reshape(-1)])


def shares(boxes_px: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Corners as float32 shares of the image, such that a reader comes as near as can be.

    A reader multiplies them by the size. Of the nearest share and its two neighbours that one is
    taken whose product, as float32, is nearest to the corner; so corners that were read from such a
    file are written as they were.

    Args:
        boxes_px: float32 (M, 4), corners in pixels.
        size_hw: height and width of the picture, px.

    Returns:
        float32 (M, 4).
    """
    height, width = size_hw
    size = np.array([width, height, width, height], np.float64)
    corners = boxes_px.astype(np.float64)
    nearest = (corners / size).astype(np.float32)
    choices = np.stack([nearest, np.nextafter(nearest, -np.inf), np.nextafter(nearest, np.inf)])
    choices = choices.astype(np.float32)
    read = (choices.astype(np.float64) * size).astype(np.float32).astype(np.float64)
    best = np.argmin(np.abs(read - corners), axis=0)
    return np.take_along_axis(choices, best[np.newaxis], axis=0)[0]
