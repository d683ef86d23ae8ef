"""Write tiny data sets: VOC trees with chosen annotations, COCO trees, images of chosen kinds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gluon_ssd.data.class_names import OPENIMAGES_CLASSES

HEIGHT, WIDTH = 60, 80


def write_image(path: Path, size_hw: tuple[int, int] = (HEIGHT, WIDTH), seed: int = 0) -> Path:
    """A JPEG or PNG of smooth noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(coarse, size_hw[::-1]))
    return path


def write_video(path: Path, count: int, size_hw: tuple[int, int]) -> Path:
    """A video; frame n is red with the value 40 n + 20."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, size_hw[::-1])
    assert writer.isOpened()
    for number in range(count):
        frame = np.zeros((*size_hw, 3), np.uint8)
        frame[..., 2] = (40 * number + 20) % 256
        writer.write(frame)
    writer.release()
    return path


def voc_object(
    name: str, box: Sequence[float | str], *, difficult: str | None = "0", extra: str = ""
) -> str:
    """One <object>; box as the file counts it, from 1."""
    corners = "".join(
        f"<{key}>{value}</{key}>"
        for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    flag = "" if difficult is None else f"<difficult>{difficult}</difficult>"
    return f"<object><name>{name}</name>{flag}<bndbox>{corners}</bndbox>{extra}</object>"


def voc_xml(objects: Sequence[str] = (), size_hw: tuple[int, int] | None = (HEIGHT, WIDTH)) -> str:
    """A whole annotation file."""
    size = ""
    if size_hw is not None:
        size = f"<size><width>{size_hw[1]}</width><height>{size_hw[0]}</height></size>"
    return f"<annotation>{size}{''.join(objects)}</annotation>"


def write_voc(
    folder: Path,
    annotations: Mapping[str, str],
    splits: Mapping[str, Sequence[str]] | None = None,
    suffix: str = ".jpg",
) -> Path:
    """A VOC folder: id -> annotation text; each id gets an image of its own content."""
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number, (stem, text) in enumerate(annotations.items()):
        (folder / "Annotations" / f"{stem}.xml").write_text(text, encoding="utf-8")
        write_image(folder / "JPEGImages" / f"{stem}{suffix}", seed=number)
    for split, stems in (splits or {"train": list(annotations)}).items():
        lines = "".join(f"{stem}\n" for stem in stems)
        (folder / "ImageSets/Main" / f"{split}.txt").write_text(lines, encoding="utf-8")
    return folder


def coco_content(
    image_ids: Sequence[int],
    annotations: Sequence[Mapping[str, Any]],
    categories: Mapping[int, str],
) -> dict[str, Any]:
    """The JSON of an annotation file."""
    return {
        "images": [
            {"id": i, "file_name": f"{i:012d}.jpg", "height": HEIGHT, "width": WIDTH}
            for i in image_ids
        ],
        "annotations": [
            {"id": number, "iscrowd": 0, "area": record["bbox"][2] * record["bbox"][3], **record}
            for number, record in enumerate(annotations, start=1)
        ],
        "categories": [{"id": i, "name": name} for i, name in categories.items()],
    }


def write_coco(root: Path, split: str, content: Mapping[str, Any]) -> Path:
    """A COCO tree with the images of the content; returns the annotation file."""
    for record in content["images"]:
        write_image(root / split / record["file_name"], seed=record["id"])
    file = root / "annotations" / f"instances_{split}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def write_openimages(
    top: Path,
    split: str,
    annotations: Sequence[Mapping[str, Any]],
    *,
    categories: Mapping[int, str] | None = None,
    image_ids: Sequence[int] = (1, 2),
) -> Path:
    """A split in MLPerf's layout of Open Images; returns its annotation file."""
    known = categories or dict(enumerate(OPENIMAGES_CLASSES))
    content = coco_content(image_ids, annotations, known)
    for image in content["images"]:
        image["file_name"] = f"{image['id']:016x}.jpg"
        write_image(top / split / "data" / image["file_name"], seed=image["id"])
    file = top / split / "labels/openimages-mlperf.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(content), encoding="utf-8")
    return file
