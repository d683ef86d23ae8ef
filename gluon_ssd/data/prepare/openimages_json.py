"""Write the annotations of Open Images in COCO's format, box by box.

Source of the rules: the conversion of MLPerf's RetinaNet reference (FiftyOne's COCO exporter).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.prepare.openimages_tables import FLAGS, BoxRow, image_name
from gluon_ssd.system.files import atomic_write, ensure_directory

_IS_GROUP = FLAGS.index("IsGroupOf")


def write_annotations(
    path: Path,
    boxes: Iterable[BoxRow],
    *,
    images: NDArray[np.uint64],
    sizes_hw: NDArray[np.int64],
    classes: Sequence[str],
) -> int:
    """Write the annotation file of a split.

    Args:
        path: the file.
        boxes: of any image, in any order; those of images that are not there are left out.
        images: (N,), the images of the split, rising; image ids are their places, from 1.
        sizes_hw: (N, 2), heights and widths in pixels; 0 for an image that is not there.
        classes: names; category ids are their places, from 0.

    Returns:
        How many boxes were written.
    """
    ensure_directory(path.parent)
    categories = [
        {"id": number, "name": name, "supercategory": None} for number, name in enumerate(classes)
    ]
    count = 0
    with atomic_write(path, "w") as file:
        file.write('{"info": {"description": "Open Images v6, MLPerf subset"}, "licenses": [],\n')
        file.write(f'"categories": {json.dumps(categories)},\n"images": [')
        for number, record in enumerate(_image_records(images, sizes_hw)):
            file.write(f"{',' if number else ''}\n{json.dumps(record)}")
        file.write('],\n"annotations": [')
        for record in _box_records(boxes, images, sizes_hw):
            file.write(f"{',' if count else ''}\n{json.dumps(record)}")
            count += 1
        file.write("]}\n")
    return count


def _image_records(
    images: NDArray[np.uint64], sizes_hw: NDArray[np.int64]
) -> Iterator[dict[str, Any]]:
    for number, (image, (height, width)) in enumerate(zip(images, sizes_hw, strict=True), 1):
        if height:
            yield {
                "id": number,
                "file_name": f"{image_name(int(image))}.jpg",
                "height": int(height),
                "width": int(width),
            }


def _box_records(
    boxes: Iterable[BoxRow], images: NDArray[np.uint64], sizes_hw: NDArray[np.int64]
) -> Iterator[dict[str, Any]]:
    annotation_id = 0
    before, place, height, width = -1, -1, 0, 0
    for image, category, (x_min, y_min, x_max, y_max), flags in boxes:
        if image != before:
            before, place = image, int(np.searchsorted(images, np.uint64(image)))
            is_there = place < len(images) and int(images[place]) == image
            height, width = map(int, sizes_hw[place]) if is_there else (0, 0)
        if not height:
            continue
        annotation_id += 1
        box_width, box_height = (x_max - x_min) * width, (y_max - y_min) * height
        yield {
            "id": annotation_id,
            "image_id": place + 1,
            "category_id": category,
            "bbox": [x_min * width, y_min * height, box_width, box_height],
            "area": box_width * box_height,
            # -1 stands for unknown, which is no group.
            "iscrowd": int(flags[_IS_GROUP] == 1),
            **dict(zip(FLAGS, flags, strict=True)),
        }
