"""Read a data set back that was written, and compare it with its source, box by box."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gluon_ssd.data.convert.job import Job
from gluon_ssd.data.convert.losses import needs_option
from gluon_ssd.data.convert.part import Item, Part
from gluon_ssd.data.convert.targets import Target
from gluon_ssd.data.dataset import Annotation, Dataset, Selection
from gluon_ssd.data.sources.catalog import open_dataset


@dataclass
class Difference:
    """How what is read back differs from the source.

    Attributes:
        boxes: number of boxes that were compared.
        moved: boxes whose corners are not the same bits.
        largest_px: the largest distance of a corner's number, in pixels.
        others: images whose objects are not the same ones.
        first: the first of these.
    """

    boxes: int = 0
    moved: int = 0
    largest_px: float = 0.0
    others: int = 0
    first: str = ""

    def lines(self) -> Iterator[str]:
        """What to tell."""
        if self.moved:
            yield (
                f"read back: {self.moved} of {self.boxes} boxes are not the same to the last bit, "
                f"by {self.largest_px:.2g} pixels at most"
            )
        elif self.boxes:
            yield f"read back: all {self.boxes} boxes are the same to the last bit"
        if self.others:
            yield f"read back: {self.others} images have other objects, the first is {self.first}"


def compare(job: Job, target: Target, parts: Sequence[Part]) -> Difference:
    """Open each split that a job wrote as a custom data set is opened, and compare it.

    Raises:
        DataError: it cannot be opened.
    """
    difference = Difference()
    is_turned = any(needs_option(target, part, i) for part in parts for i in range(len(part)))
    for part in parts:
        selection = Selection(
            job.folder,
            train=False,
            splits=part.name,
            keep_empty=True,
            edge_px=job.edge_px,
            layout=target.layout,
            exif="apply" if is_turned else "ignore",
        )
        written = open_dataset("custom", selection)
        where = _order(written, job.places[part.name])
        for item, index in zip(part.items(), where, strict=True):
            _add(difference, target, item, written.annotation(index))
    return difference


def _order(written: Dataset, places: Sequence[str]) -> list[int]:
    """Where each image that was written stands in what is read: by its path, or in order."""
    index_of = {os.path.abspath(written.image_path(i)): i for i in range(len(written))}
    if all(os.path.abspath(place) in index_of for place in places):
        return [index_of[os.path.abspath(place)] for place in places]
    return list(range(len(places)))


def _add(difference: Difference, target: Target, item: Item, read: Annotation) -> None:
    own = item.annotation
    is_same = np.array_equal(own.labels, read.labels)
    if is_same and target.holds_difficult:
        is_same = np.array_equal(own.difficult, read.difficult)
    if is_same and target.holds_crowd:
        is_same = np.array_equal(own.crowd, read.crowd)
    if not is_same:
        difference.others += 1
        difference.first = difference.first or item.path
        return
    distance = np.abs(own.boxes_px.astype(np.float64) - read.boxes_px).max(axis=1, initial=0)
    difference.boxes += len(distance)
    difference.moved += int((distance > 0).sum())
    difference.largest_px = max(difference.largest_px, float(distance.max(initial=0)))
