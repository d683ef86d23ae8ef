"""Write a data set in VOC layout: JPEGImages, Annotations, ImageSets/Main, classes.txt.

All splits share one folder. An image that several splits list is written once, unless they have
other boxes for it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from gluon_ssd.data.convert.job import CLASSES_FILE, Job
from gluon_ssd.data.convert.part import Item, Part, raw_objects
from gluon_ssd.data.sources.voc_writing import annotation_text, write_lines


def write_voc(job: Job, parts: Sequence[Part]) -> None:
    """Write all splits. Raises DataError for an image file that cannot be read, and OSError."""
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (job.folder / name).mkdir(parents=True)
    names = job.names(parts)
    for part in parts:
        stems = []
        for item in part.items():
            name, is_new = names.name(item.path, _identity(item))
            stem = posixpath.splitext(name)[0]
            if is_new:
                job.place(item, "JPEGImages", name)
                file = job.folder / "Annotations" / f"{stem}.xml"
                file.parent.mkdir(parents=True, exist_ok=True)
                objects = raw_objects(item.annotation, job.classes)
                text = annotation_text(posixpath.basename(name), item.size_hw, objects)
                file.write_text(text, encoding="utf-8")
            stems.append(stem)
            job.done(part, f"JPEGImages/{name}")
        write_lines(job.folder / "ImageSets/Main" / f"{part.name}.txt", stems)
    write_lines(job.folder / CLASSES_FILE, job.classes)
    job.renamed = names.changed


def _identity(item: Item) -> tuple[object, ...]:
    found = item.annotation
    arrays = (found.boxes_px, found.labels, found.difficult)
    return (item.path, item.size_hw, *(array.tobytes() for array in arrays))
