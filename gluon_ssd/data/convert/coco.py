"""Write a data set as COCO JSON: annotations/instances_SPLIT.json, SPLIT/, classes.txt.

The numbers of a source in COCO's format are written as they were: ids of images and of categories,
x, y, w, h and area. Others get x_max - x_min + 1 for the width, since a box of this project ends
with its last pixel, as GluonCV reads COCO; see `edge_px` of the job.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

import numpy as np

from gluon_ssd.data.convert.job import CLASSES_FILE, Job
from gluon_ssd.data.convert.part import Item, Part
from gluon_ssd.data.sources.voc_writing import write_lines


def write_coco(job: Job, parts: Sequence[Part]) -> None:
    """Write all splits. Raises DataError for an image file that cannot be read, and OSError."""
    (job.folder / "annotations").mkdir()
    category_ids = _category_ids(job.classes, parts)
    for part in parts:
        write_split(job, part, category_ids)
    write_lines(job.folder / CLASSES_FILE, job.classes)


def write_split(job: Job, part: Part, category_ids: Sequence[int]) -> None:
    """Write the images and the annotation file of a split, record by record, in little memory."""
    names = job.names([part])
    image_ids = _image_ids(part)
    file = job.folder / "annotations" / f"instances_{part.name}.json"
    with open(file, "w", encoding="utf-8") as stream:
        stream.write('{"images": [')
        _write_records(stream, _images(job, part, names, image_ids))
        stream.write('], "annotations": [')
        _write_records(stream, _annotations(job, part, image_ids, category_ids))
        stream.write('], "categories": [')
        pairs = zip(category_ids, job.classes, strict=True)
        _write_records(stream, ({"id": number, "name": name} for number, name in pairs))
        stream.write("]}\n")
    job.renamed += names.changed


def _write_records(stream: IO[str], records: Iterable[dict[str, Any]]) -> None:
    separator = "\n"
    for record in records:
        stream.write(separator + json.dumps(record, ensure_ascii=False))
        separator = ",\n"


def _images(job: Job, part: Part, names: Any, image_ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    for item, image_id in zip(part.items(), image_ids, strict=True):
        name, _ = names.name(item.path, image_id)
        job.place(item, part.name, name)
        job.done(part, f"{part.name}/{name}")
        height, width = item.size_hw
        yield {"id": image_id, "file_name": name, "width": width, "height": height}


def _annotations(
    job: Job, part: Part, image_ids: Sequence[int], category_ids: Sequence[int]
) -> Iterator[dict[str, Any]]:
    number = 0
    for item, image_id in zip(part.items(), image_ids, strict=True):
        found = item.annotation
        rows = coco_rows(item, job.edge_px).tolist()
        for label, crowd, row in zip(
            found.labels.tolist(), found.crowd.tolist(), rows, strict=True
        ):
            number += 1
            *box, area = map(_short, row)
            yield {
                "id": number,
                "image_id": image_id,
                "category_id": category_ids[label],
                "bbox": box,
                "area": area,
                "iscrowd": int(crowd),
                "segmentation": [],
            }


def coco_rows(item: Item, edge_px: int) -> np.ndarray:
    """float64 (M, 5): x, y, w, h, area of each object, as the file gets them.

    Numbers of a COCO file are as they were; else w is x_max - x_min + edge_px, cut at the edge of
    the image, and the area w·h.
    """
    if item.annotation.coco is not None:
        return item.annotation.coco
    boxes = item.annotation.boxes_px.astype(np.float64)
    height, width = item.size_hw
    ends = np.minimum(boxes[:, 2:] + edge_px, [width, height])
    sides = ends - boxes[:, :2]
    return np.concatenate([boxes[:, :2], sides, sides.prod(axis=1, keepdims=True)], axis=1)


def _image_ids(part: Part) -> list[int]:
    """Those of the source where they are whole numbers from 0, else 1, 2, 3, ..."""
    ids = [part.dataset.image_id(index) for index in range(len(part))]
    own = [number for number in ids if isinstance(number, int) and number >= 0]
    return own if len(set(own)) == len(ids) else list(range(1, len(ids) + 1))


def _category_ids(classes: Sequence[str], parts: Sequence[Part]) -> list[int]:
    """Those of the source's COCO files; a class without one gets the next free number."""
    ids: dict[str, int] = {}
    for part in parts:
        own = part.dataset.coco_file.category_ids if part.dataset.coco_file else ()
        for name, number in zip(part.dataset.classes, own, strict=False):
            if number >= 0 and number not in ids.values():
                ids.setdefault(name, number)
    free = max(ids.values(), default=0)
    for name in classes:
        if name not in ids:
            free += 1
            ids[name] = free
    return [ids[name] for name in classes]


def _short(value: float) -> float | int:
    return int(value) if value == int(value) else value
