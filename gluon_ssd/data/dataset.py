"""What every data set looks like: item i has an image file, an id and an annotation.

Data sets hold paths, tuples and arrays only: they pickle fast and keep no file open, so that
spawned workers can take them along. All annotations are read and checked at opening: 16,551 VOC
files take about 3 s, every check needs them anyway, and workers then never parse again.
"""

from __future__ import annotations

import copy
import itertools
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from gluon_ssd.data.image_source import ImageSource, name_of
from gluon_ssd.data.problems import UNKNOWN_CLASS, Problem, label_detail

# Boxes that are stored as shares of the image do not meet its edge to the last bit.
_ROUNDING_PX = 1e-3

# The arrays of an annotation without objects.
_EMPTY: dict[str, np.ndarray] = {
    "boxes_px": np.zeros((0, 4), np.float32),
    "labels": np.zeros(0, np.int32),
    "difficult": np.zeros(0, np.bool_),
    "crowd": np.zeros(0, np.bool_),
}


@dataclass(frozen=True)
class Annotation:
    """The labelled objects of one image.

    | name | shape | dtype | meaning |
    |---|---|---|---|
    | boxes_px | (M, 4) | float32 | corners x_min, y_min, x_max, y_max in pixels |
    | labels | (M,) | int32 | position in the data set's classes |
    | difficult | (M,) | bool | trained on, ignored by the VOC metric |
    | crowd | (M,) | bool | one box around a group (COCO) |
    | size_hw | 2 ints or None | | (height, width) as the annotation file declares it |
    | coco | (M, 5) or None | float64 | x, y, w, h, area for the COCO metric; None: from boxes_px |

    M is 0 for a background image. `coco` is what a COCO file says of the same objects, since its
    numbers are no corners and finer than float32.
    """

    boxes_px: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray
    crowd: np.ndarray
    size_hw: tuple[int, int] | None
    coco: np.ndarray | None = None


@runtime_checkable
class Dataset(Protocol):
    """name: kind of data set; classes: label order; metric: what scores it, "voc07" or "coco"."""

    name: str
    classes: tuple[str, ...]
    metric: str

    def __len__(self) -> int:
        """Number of images."""
        ...

    def image_path(self, index: int) -> str:
        """The image's file, and for an image inside a larger file its place there, in words."""
        ...

    def image_source(self, index: int) -> ImageSource:
        """What to read the image from."""
        ...

    def image_id(self, index: int) -> str | int:
        """Id of the image, unique in the data set."""
        ...

    def annotation(self, index: int) -> Annotation:
        """Labelled objects of the image; no objects for a background image."""
        ...

    def orientation(self, index: int) -> int:
        """EXIF orientation to turn the image by before its boxes fit, 2 to 8; 1 for none."""
        ...


@dataclass(frozen=True)
class Selection:
    """Which part of a data set to open, and how.

    Attributes:
        root: the folder that holds it.
        train: the training part, else the validation part.
        splits: split names joined by +; empty takes the usual ones.
        classes: label order; None takes the data set's own.
        keep_empty: keep COCO training images without boxes, which legacy leaves out.
        use_crowd: train on COCO crowd boxes, as legacy does.
        tolerant: count broken annotations instead of raising; for checking only.
        leaves_out: leave out the records of a RecordIO file that cannot be read, with a warning.
        edge_px: what a COCO box's width has above x_max - x_min, 1 or 0; see `CocoFile`.
        other_labels: the reason under which labels of other classes are counted: they are a fault
            of the data, or left out as asked, or what a model lacks.
        layout: of a custom data set, a name in `sources.layouts.LAYOUTS`; empty looks which it is.
        image_root: folder of the images that a list or a manifest names; empty looks near it.
        exif: "apply" or "ignore", for boxes that are fractions; as of `settle_orientations`.
        unlabelled_is_background: pictures without an annotation file are backgrounds, not left out.
    """

    root: str | os.PathLike[str]
    train: bool
    splits: str = ""
    classes: Sequence[str] | None = None
    keep_empty: bool = False
    use_crowd: bool = True
    tolerant: bool = False
    leaves_out: bool = False
    edge_px: int = 1
    other_labels: str = UNKNOWN_CLASS
    layout: str = ""
    image_root: str = ""
    exif: str = "ignore"
    unlabelled_is_background: bool = False


class CocoFile(NamedTuple):
    """How the COCO file of a data set counts, for results in its terms.

    category_ids: of each class; -1 if it has none. edge_px: 1 where boxes end with their last
    pixel, x_max = x + w - 1; 0 where x_max = x + w. is_scored: whether it has annotations; without
    them the results themselves are what is wanted.
    """

    category_ids: tuple[int, ...]
    edge_px: int = 1
    is_scored: bool = True


Box = tuple[float, float, float, float]
CocoBox = tuple[float, float, float, float, float]


class RawObject(NamedTuple):
    """One object as the file has it, its box already in the project's corner convention.

    `coco` is x, y, w, h and area of an object of a COCO file.
    """

    name: str
    box: Box
    difficult: bool = False
    crowd: bool = False
    coco: CocoBox | None = None


class ListedItem(NamedTuple):
    """One image with its cleaned annotation, and what was found wrong with that."""

    image: ImageSource
    image_id: str | int
    annotation: Annotation
    problems: tuple[Problem, ...] = ()


class ListedDataset:
    """A Dataset whose items are all known at opening.

    Args:
        items: the images, in order.
        name: kind of data set.
        classes: label order.
        metric: what scores it, "voc07" or "coco".
        problems: finds that belong to none of the items.
        coco_file: how the COCO file counts that the set was read from; None if it was from others.

    Attributes:
        is_oriented: whether it was judged which photos are to be turned (`with_orientations`).
        is_whole: whether it is all of a data set without splits; openers of such sets say so.
    """

    def __init__(
        self,
        items: Sequence[ListedItem],
        *,
        name: str,
        classes: Sequence[str],
        metric: str,
        problems: Iterable[Problem] = (),
        coco_file: CocoFile | None = None,
    ) -> None:
        self.name = name
        self.classes = tuple(classes)
        self.metric = metric
        self.coco_file = coco_file
        self._other_problems = tuple(problems)
        self._item_problems = tuple(item.problems for item in items)
        self._sources = tuple(item.image for item in items)
        self._ids = tuple(item.image_id for item in items)
        self.is_oriented = self.is_whole = False
        self._orientations: dict[int, int] = {}
        self._pack([item.annotation for item in items])

    def _pack(self, annotations: list[Annotation]) -> None:
        # A few flat arrays instead of one object an image: 118,287 COCO images pickle in 0.1 s.
        counts = [len(annotation.labels) for annotation in annotations]
        self._starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
        self._rows = {
            name: np.concatenate(
                [empty, *(getattr(item, name) for item in annotations)], dtype=empty.dtype
            )
            for name, empty in _EMPTY.items()
        }
        own = [annotation.coco for annotation in annotations if annotation.coco is not None]
        self._coco = np.concatenate(own) if own and len(own) == len(annotations) else None
        self._sizes_hw = tuple(annotation.size_hw for annotation in annotations)

    def __len__(self) -> int:
        return len(self._sources)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was found while reading; check_dataset counts it."""
        return (*self._other_problems, *itertools.chain.from_iterable(self._item_problems))

    def image_path(self, index: int) -> str:
        """File of image `index`; for an image inside a larger file its place there as well."""
        return name_of(self._sources[index])

    def image_source(self, index: int) -> ImageSource:
        """What to read image `index` from."""
        return self._sources[index]

    def image_id(self, index: int) -> str | int:
        """Id of image `index`, unique in the data set."""
        return self._ids[index]

    def annotation(self, index: int) -> Annotation:
        """Objects of image `index`, as copies the caller may change."""
        index = range(len(self))[index]
        rows = slice(self._starts[index], self._starts[index + 1])
        arrays = {name: array[rows].copy() for name, array in self._rows.items()}
        coco = None if self._coco is None else self._coco[rows].copy()
        return Annotation(**arrays, size_hw=self._sizes_hw[index], coco=coco)

    def orientation(self, index: int) -> int:
        """EXIF orientation to turn image `index` by before its boxes fit; 1 for none."""
        return self._orientations.get(range(len(self))[index], 1)

    def with_orientations(
        self, orientations: Mapping[int, int], problems: Mapping[int, Problem]
    ) -> ListedDataset:
        """The same data set with the orientations to turn images by, and one more find of each."""
        part = copy.copy(self)
        part.is_oriented = True
        part._orientations = dict(orientations)
        part._item_problems = tuple(
            (*found, problems[index]) if index in problems else found
            for index, found in enumerate(self._item_problems)
        )
        return part

    def subset(self, indices: Iterable[int], *, all_problems: bool = False) -> ListedDataset:
        """The same kind of data set with the images at `indices` only, in that order.

        It keeps the problems of these images, and with `all_problems` those of no image.
        """
        chosen = list(indices)
        part = copy.copy(self)
        part._other_problems = self._other_problems if all_problems else ()
        part._item_problems = tuple(self._item_problems[index] for index in chosen)
        part._sources = tuple(self._sources[index] for index in chosen)
        part._ids = tuple(self._ids[index] for index in chosen)
        part._orientations = {
            place: self._orientations[index]
            for place, index in enumerate(chosen)
            if index in self._orientations
        }
        part._pack([self.annotation(index) for index in chosen])
        return part

    def without(self, indices: Iterable[int]) -> ListedDataset:
        """The same data set less the images at `indices`."""
        left_out = set(indices)
        return self.subset(index for index in range(len(self)) if index not in left_out)


def image_paths(dataset: Dataset) -> list[str]:
    """The path of every image, in order."""
    return [dataset.image_path(index) for index in range(len(dataset))]


def class_index(classes: Sequence[str]) -> dict[str, int]:
    """Map each class name to its label, and its lower-case form too where that is unambiguous.

    The legacy reader lower-cases every name; here an exact match wins.
    """
    folded = [name.lower() for name in classes]
    counts = Counter(folded)
    loose = {name: label for label, name in enumerate(folded) if counts[name] == 1}
    return {**loose, **{name: label for label, name in enumerate(classes)}}


def clean_objects(
    objects: Sequence[RawObject],
    *,
    labels_by_name: dict[str, int],
    size_hw: tuple[int, int] | None,
    edge: int,
    file: str,
    others: str = UNKNOWN_CLASS,
) -> tuple[Annotation, list[Problem]]:
    """Turn the objects of one image into arrays, and name everything that had to be changed.

    Args:
        objects: as read, in file order.
        labels_by_name: from class_index.
        size_hw: declared (height, width); None leaves the lower and right edges unchecked.
        edge: a box may reach to size - edge (VOC 0, COCO 1, as in the legacy readers; Open Images
            0).
        file: the annotation file, for the problems.
        others: the reason for labels of other classes, as `Selection.other_labels`.

    Returns:
        The annotation, boxes clipped to the image, and the problems in object order. Objects in
        a problem's detail are counted from 1.
    """
    problems: list[Problem] = []
    kept: list[RawObject] = []
    labels: list[int] = []
    seen: set[tuple[str, Box]] = set()
    for number, item in enumerate(objects, start=1):
        label = labels_by_name.get(item.name, labels_by_name.get(item.name.lower()))
        box = _clip(item.box, size_hw, edge)
        reason, lost = (others, True) if label is None else _judge(item, box)
        detail = label_detail(number, item.name)
        at = ", ".join(f"{value:g}" for value in item.box)
        place = label_detail(number, item.name, f" at ({at})")
        if item.name not in labels_by_name and label is not None:
            problems.append(Problem("letter case", file, detail))
        if (item.name, item.box) in seen:
            problems.append(Problem("duplicate box", file, place))
        if reason:
            problems.append(Problem(reason, file, place))
        if not lost and label is not None:
            if reason == "box partly outside the image":
                item = item._replace(coco=_coco_of(item, box, edge))
            kept.append(item._replace(box=box))
            labels.append(label)
            seen.add((item.name, item.box))
    annotation = Annotation(
        boxes_px=np.array([item.box for item in kept], dtype=np.float32).reshape(-1, 4),
        labels=np.array(labels, dtype=np.int32),
        difficult=np.array([item.difficult for item in kept], dtype=np.bool_),
        crowd=np.array([item.crowd for item in kept], dtype=np.bool_),
        size_hw=size_hw,
        coco=_coco_rows(kept),
    )
    return annotation, problems


def _coco_rows(kept: Sequence[RawObject]) -> np.ndarray | None:
    rows = [item.coco for item in kept]
    if None in rows:
        return None
    return np.array(rows, dtype=np.float64).reshape(-1, 5)


def _coco_of(item: RawObject, clipped: Box, edge: int) -> CocoBox | None:
    """What the COCO metric gets of a box that had to be cut: the cut one."""
    if item.coco is None:
        return None
    x_min, y_min, x_max, y_max = clipped
    width, height = x_max - x_min + edge, y_max - y_min + edge
    return (x_min, y_min, width, height, min(item.coco[4], width * height))


def _judge(item: RawObject, clipped: Box) -> tuple[str | None, bool]:
    """The reason why a label is bad, if any, and whether it is lost by it."""
    if item.box[2] <= item.box[0] or item.box[3] <= item.box[1]:
        return "degenerate box", True
    if clipped[2] <= clipped[0] or clipped[3] <= clipped[1]:
        return "box beyond the image", True
    overhang = max(abs(a - b) for a, b in zip(item.box, clipped, strict=True))
    if overhang > 1:
        return "box partly outside the image", False
    return ("box over the edge by a pixel" if overhang > _ROUNDING_PX else None), False


def _clip(box: Box, size_hw: tuple[int, int] | None, edge: int) -> Box:
    height, width = size_hw or (float("inf"), float("inf"))
    x_min, y_min, x_max, y_max = (max(value, 0.0) for value in box)
    right, bottom = width - edge, height - edge
    return min(x_min, right), min(y_min, bottom), min(x_max, right), min(y_max, bottom)
