"""A drawn data set, made on the spot: seven shapes to detect, in VOC layout.

Small enough to learn on a laptop, and still detection: clutter, partial occlusion, a wide range
of sizes, colours that say nothing about the class, noise and blur, images without any object.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.data.dataset import RawObject, Selection
from gluon_ssd.data.sources.shapes_drawing import CLASSES, draw_image
from gluon_ssd.data.sources.voc import VocDataset, parse_splits
from gluon_ssd.data.sources.voc_writing import annotation_text, write_lines
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.system.files import read_json
from gluon_ssd.system.new_folder import new_folder

MIN_IMAGE_SIZE = 64  # the largest object, half a side, must exceed the smallest, 24 pixels

_MARKER = "shapes.json"
_FORMAT = 2  # raised whenever the drawing changes, so that older folders are recognised
_JPEG_QUALITY = 92


def make_shapes(
    root: str | os.PathLike[str],
    *,
    num_train: int = 1200,
    num_val: int = 200,
    image_size: int = 300,
    seed: int = 1,
) -> Path:
    """Draw the data set into `root`, or leave it as it is if it was drawn with these settings.

    Everything is drawn beside `root` and renamed in one step, so a half-made set never stands
    there. Image i depends on (seed, i) alone.

    Args:
        root: folder to make; it must be absent or empty, or hold this very set.
        num_train, num_val: images of the splits "train" and "val".
        image_size: side of the square images in pixels.
        seed: any whole number from 0.

    Returns:
        The folder: JPEGImages/, Annotations/, ImageSets/Main/{train,val}.txt, classes.txt and
        the marker shapes.json, which is written last.

    Raises:
        OptionError: no images asked for, or images too small for the smallest object.
        DataError: the folder holds something else, or shapes drawn with other settings.
        EnvironmentProblem: it cannot be written, or the disk is full.
    """
    if min(num_train, num_val) < 1 or image_size < MIN_IMAGE_SIZE:
        raise OptionError(
            f"shapes need at least 1 image a split and {MIN_IMAGE_SIZE} pixels a side; got "
            f"{num_train} and {num_val} images of {image_size} pixels"
        )
    target = Path(root).expanduser()
    settings = {
        "format": _FORMAT,
        "num_train": num_train,
        "num_val": num_val,
        "image_size": image_size,
        "seed": seed,
    }
    if _is_made(target, settings):
        return target
    with new_folder(target) as folder:
        for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
            (folder / name).mkdir(parents=True)
        stems = [f"{index:06d}" for index in range(num_train + num_val)]
        for index, stem in enumerate(stems):
            _write_item(folder, stem, image_size, np.random.default_rng((seed, index)))
        write_lines(folder / "ImageSets/Main/train.txt", stems[:num_train])
        write_lines(folder / "ImageSets/Main/val.txt", stems[num_train:])
        write_lines(folder / "classes.txt", CLASSES)
        (folder / _MARKER).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    return target


def open_shapes(selection: Selection) -> VocDataset:
    """Open a set that make_shapes wrote, at the root of the selection or in shapes/ below it."""
    base = Path(selection.root).expanduser()
    inside = base / "shapes"
    folder = base if (base / _MARKER).is_file() else inside
    if not (folder / _MARKER).is_file():
        raise DataError(
            f"no shapes data set in {base} or {inside}; make it with: "
            f"python scripts/prepare_shapes.py --output {inside}"
        )
    return VocDataset(
        folder,
        splits=parse_splits(selection.splits),
        classes=selection.classes or read_classes_file(folder / "classes.txt"),
        name="shapes",
        tolerant=selection.tolerant,
        other_labels=selection.other_labels,
    )


def _is_made(target: Path, settings: dict[str, Any]) -> bool:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return False
    marker = target / _MARKER
    found = read_json(marker) if marker.is_file() else None
    if found == settings:
        return True
    what = "holds something else" if found is None else f"was drawn with other settings ({found})"
    raise DataError(f"{target} {what}; choose another folder or remove that one first")


def _write_item(folder: Path, stem: str, size: int, rng: np.random.Generator) -> None:
    image, objects = draw_image(size, rng)
    _, jpeg = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    (folder / "JPEGImages" / f"{stem}.jpg").write_bytes(jpeg.tobytes())
    raw = [RawObject(item.name, item.box_px, item.is_difficult) for item in objects]
    xml = annotation_text(f"{stem}.jpg", (size, size), raw)
    (folder / "Annotations" / f"{stem}.xml").write_text(xml, encoding="utf-8")
