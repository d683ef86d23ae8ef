"""Published data sets of a few images, as a web server has them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from gluon_ssd.data.class_names import OPENIMAGES_CLASSES
from gluon_ssd.data.prepare.published import (
    COCO_ARCHIVES,
    OPENIMAGES_FILES,
    VOC_ARCHIVES,
    Archive,
)
from tests.data.builders import coco_content, voc_object, voc_xml
from tests.hosts import Host

BOX_COLUMNS = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,"
    "IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
)
OTHER_LABEL = "/m/other"


def jpeg(size_hw: tuple[int, int] = (60, 80), seed: int = 0) -> bytes:
    """An encoded picture of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def tape(files: Mapping[str, bytes]) -> bytes:
    """A .tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A .zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def voc_files(year: str, split: str, ids: Sequence[str]) -> dict[str, bytes]:
    """Members of an archive of VOC."""
    kit = f"VOCdevkit/VOC{year}"
    text = voc_xml([voc_object("dog", (1, 1, 40, 40))]).encode()
    files = {f"{kit}/ImageSets/Main/{split}.txt": "".join(f"{i}\n" for i in ids).encode()}
    for number, image_id in enumerate(ids):
        files[f"{kit}/Annotations/{image_id}.xml"] = text
        files[f"{kit}/JPEGImages/{image_id}.jpg"] = jpeg(seed=number)
    return files


def publish(
    host: Host, monkeypatch, table: dict[str, tuple[Archive, ...]], contents: Mapping[str, bytes]
) -> None:
    """Put archives on the host, by their path there, and their sums into the table."""
    for split, archives in table.items():
        renewed = tuple(
            archive._replace(sha1=hashlib.sha1(contents[archive.path]).hexdigest())
            for archive in archives
        )
        monkeypatch.setitem(table, split, renewed)
    host.files |= {f"/{path}": content for path, content in contents.items()}


def publish_voc(host: Host, monkeypatch, extra: Mapping[str, bytes] | None = None) -> None:
    """Two images in each archive; `extra` members go into the test images of 2007."""
    contents = {
        VOC_ARCHIVES["2007_trainval"][0].path: tape(voc_files("2007", "trainval", ("01", "02"))),
        VOC_ARCHIVES["2007_test"][0].path: tape(
            voc_files("2007", "test", ("03", "04")) | dict(extra or {})
        ),
        VOC_ARCHIVES["2012_trainval"][0].path: tape(
            voc_files("2012", "trainval", ("2008_1", "2008_2"))
        ),
    }
    publish(host, monkeypatch, VOC_ARCHIVES, contents)


def publish_coco(host: Host, monkeypatch) -> None:
    """Two images in each split, of which one has a box."""
    annotations, contents = {"annotations/captions_val2017.json": b"{}"}, {}
    for split in ("train2017", "val2017"):
        record = {"image_id": 2, "bbox": [1, 1, 9, 9], "category_id": 1}
        content = coco_content((1, 2), [record], {1: "person"})
        annotations[f"annotations/instances_{split}.json"] = json.dumps(content).encode()
        names = [image["file_name"] for image in content["images"]]
        contents[f"zips/{split}.zip"] = zipped(
            {f"{split}/": b"", **{f"{split}/{name}": jpeg() for name in names}}
        )
    contents["annotations/annotations_trainval2017.zip"] = zipped(annotations)
    publish(host, monkeypatch, COCO_ARCHIVES, contents)


def label_of(name: str) -> str:
    """The label that `class_descriptions` has for a class."""
    return f"/m/{OPENIMAGES_CLASSES.index(name):03d}"


def class_descriptions(header: str = "") -> str:
    """Rows of every class of the subset and of one more."""
    rows = [f"{label_of(name)},{name}\n" for name in reversed(OPENIMAGES_CLASSES)]
    return header + "".join(rows) + f"{OTHER_LABEL},Other\n"


def box_row(
    image: str, name: str, box: Sequence[object], flags: Sequence[object] = (0, 0, 0, 0, 0)
) -> str:
    """One row; the box is x_min, x_max, y_min, y_max, as the file has it."""
    label = name if name.startswith("/") else label_of(name)
    return ",".join(map(str, [image, "xclick", label, 1, *box, *flags])) + "\n"


def box_table(rows: Sequence[str]) -> str:
    """The whole file."""
    return f"{BOX_COLUMNS}\n{''.join(rows)}"


def image_table(images: Sequence[str]) -> str:
    """A list of images; titles may hold commas and quotes."""
    rows = [f'{image},train,"a ""b"", c",0\n' for image in images]
    return "ImageID,Subset,Title,Rotation\n" + "".join(rows)


def write_tables(folder: Path, rows: Sequence[str], images: Sequence[str]) -> Path:
    """The tables of a split in place; returns its folder."""
    texts = {
        "metadata/classes.csv": class_descriptions(),
        "metadata/image_ids.csv": image_table(images),
        "labels/detections.csv": box_table(rows),
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def publish_openimages(
    host: Host, split: str, rows: Sequence[str], images: Mapping[str, bytes]
) -> None:
    """Tables below /tables, images below /bucket."""
    files = OPENIMAGES_FILES[split]
    tables = {
        files.boxes: box_table(rows),
        files.images: image_table(list(images)),
        files.classes: class_descriptions(),
        files.hierarchy: "{}",
    }
    host.files |= {f"/tables/{name}": text.encode() for name, text in tables.items()}
    host.files |= {f"/bucket/{split}/{image}.jpg": data for image, data in images.items()}
