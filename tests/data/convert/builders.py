"""Data sets in memory, whose images are files of a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.data.convert.part import Part
from gluon_ssd.data.dataset import Annotation, ListedDataset, ListedItem, Selection
from gluon_ssd.data.sources.catalog import open_dataset
from tests.data.builders import HEIGHT, WIDTH, write_image

CLASSES = ("dog", "cat", "é 漢 <&>")


def annotation(
    boxes: Sequence[Sequence[float]] = (),
    labels: Sequence[int] | None = None,
    difficult: Sequence[int] = (),
    crowd: Sequence[int] = (),
    size_hw: tuple[int, int] | None = (HEIGHT, WIDTH),
) -> Annotation:
    """Objects; `difficult` and `crowd` say which of them are."""
    count = len(boxes)
    flags = np.zeros((2, count), np.bool_)
    flags[0, list(difficult)] = flags[1, list(crowd)] = True
    return Annotation(
        boxes_px=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array([0] * count if labels is None else labels, np.int32),
        difficult=flags[0],
        crowd=flags[1],
        size_hw=size_hw,
    )


def part(
    folder: Path,
    annotations: Mapping[str, Annotation],
    *,
    name: str = "train",
    classes: Sequence[str] = CLASSES,
) -> Part:
    """A split whose images are written into the folder: name below it -> objects."""
    items = []
    for number, (file, objects) in enumerate(annotations.items()):
        path = folder / file
        if not path.exists():
            write_image(path, objects.size_hw or (HEIGHT, WIDTH), seed=number)
        items.append(ListedItem(str(path), file, objects))
    dataset = ListedDataset(items, name="custom", classes=classes, metric="voc07")
    return Part(name, dataset, tuple(classes))


def opened(folder: Path, split: str = "train", *, edge_px: int = 1, exif: str = "ignore") -> Any:
    """A written data set, as a user opens it."""
    selection = Selection(
        folder, train=False, splits=split, keep_empty=True, edge_px=edge_px, exif=exif
    )
    return open_dataset("custom", selection)


def assert_same(
    written: ListedDataset,
    own: ListedDataset,
    *,
    without: Sequence[str] = (),
    within_px: float = 0,
) -> None:
    """Whether two data sets hold the same images with the same objects, bit for bit.

    Images are told apart by their bytes, since some layouts have no order of their own.
    """
    where = {read(written, index): index for index in range(len(written))}
    assert len(where) == len(written) == len(own)
    for index in range(len(own)):
        found, wanted = written.annotation(where[read(own, index)]), own.annotation(index)
        distance = np.abs(found.boxes_px.astype(np.float64) - wanted.boxes_px)
        assert distance.max(initial=0) <= within_px
        for field in ("labels", "difficult", "crowd"):
            if field not in without:
                np.testing.assert_array_equal(
                    getattr(found, field), getattr(wanted, field), err_msg=f"{field} of {index}"
                )


def read(dataset: ListedDataset, index: int) -> bytes:
    """The encoded image."""
    from gluon_ssd.data.image_source import open_image

    with open_image(dataset.image_source(index)) as file:
        return file.read()
