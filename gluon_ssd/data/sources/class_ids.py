"""Data sets whose objects have the ids of classes: their names, and the data set made of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.data.dataset import (
    ListedDataset,
    RawObject,
    Selection,
    class_index,
)
from gluon_ssd.data.image_source import ImageSource
from gluon_ssd.data.orientations import size_without_doubt
from gluon_ssd.data.problems import NOT_OF_MODEL, Problem, log_lost_labels
from gluon_ssd.data.sources.detection_label import IdObject
from gluon_ssd.data.sources.listed_items import Listed, item_of_fractions, item_of_pixels
from gluon_ssd.errors import DataError
from gluon_ssd.system.regular_file import is_present
from gluon_ssd.system.wording import some_of

_log = logging.getLogger(__name__)

CLASSES_FILE = "classes.txt"

_MOST_COUNTED = 10_000  # classes that no name tells of; a network of more is a damaged label


class IdImage(NamedTuple):
    """An image with its objects.

    Attributes:
        image: what to read it from.
        image_id: unique in the data set.
        objects: corners in pixels, or in fractions of the image.
        where: names the label, for problems.
        size_hw: height and width that the label gives.
        fractions: whether corners are fractions.
        problems: what was found on reading.
    """

    image: ImageSource
    image_id: str | int
    objects: Sequence[IdObject]
    where: str
    size_hw: tuple[int, int] | None = None
    fractions: bool = False
    problems: tuple[Problem, ...] = ()


class ClassNames(NamedTuple):
    """The names of a data set: in label order, and by the ids of the file."""

    classes: tuple[str, ...]
    by_id: Mapping[int, str]


def class_names(
    place: Path, selection: Selection, own: Mapping[int, str], ids: Callable[[], Iterable[int]]
) -> ClassNames:
    """The names of the classes.

    Args:
        place: folder or file of the data set; classes.txt may lie in it or beside it.
        selection: its classes give the label order. Where the data know no names, they are the
            names of ids 0, 1, 2 and so on.
        own: names by id, as the data have them; may be empty.
        ids: all ids of the data set, whatever the split; asked for where nothing else tells.

    Raises:
        DataError: the file of names cannot be used, or there is no object to count classes by.
    """
    file = (place if place.is_dir() else place.parent) / CLASSES_FILE
    beside = read_classes_file(file) if is_present(file) else None
    if own:
        names = tuple(dict.fromkeys(own[number] for number in sorted(own)))
        return ClassNames(tuple(selection.classes or beside or names), own)
    known = beside or selection.classes
    if known:
        if not beside and selection.other_labels == NOT_OF_MODEL:
            _log.warning(
                "%s names no classes: its ids 0, 1, ... are taken for %s, the order of the model",
                place,
                some_of(known),
            )
        return ClassNames(tuple(selection.classes or known), dict(enumerate(known)))
    count = max(ids(), default=-1) + 1
    if not 0 < count <= _MOST_COUNTED:
        raise DataError(
            f"{place} names no classes, and its objects have ids up to {count - 1}; name them in "
            f"{file} or with --classes",
            settings=("classes",),
        )
    _log.warning(
        "%s names no classes; they are called class 0 to class %d; a file %s or --classes names "
        "them",
        place,
        count - 1,
        file,
    )
    counted = tuple(f"class {number}" for number in range(count))
    return ClassNames(counted, dict(enumerate(counted)))


def dataset_of(
    images: Sequence[IdImage],
    names: ClassNames,
    selection: Selection,
    *,
    problems: Sequence[Problem] = (),
) -> ListedDataset:
    """The data set of images with ids.

    Objects of ids without a name are counted as an unknown class.
    """
    labels_by_name = class_index(names.classes)
    items = []
    for each in images:
        found = Listed(
            each.image,
            each.image_id,
            each.where,
            [_raw(item, names) for item in each.objects],
            each.size_hw,
            each.problems,
        )
        if each.fractions:
            items.append(item_of_fractions(found, labels_by_name, selection))
            continue
        found = found._replace(size_hw=each.size_hw or size_without_doubt(each.image))
        items.append(item_of_pixels(found, labels_by_name, selection))
    dataset = ListedDataset(
        items, name="custom", classes=names.classes, metric="voc07", problems=problems
    )
    log_lost_labels(dataset.problems, dataset.name)
    return dataset


def _raw(item: IdObject, names: ClassNames) -> RawObject:
    name = names.by_id.get(item.class_id, f"class {item.class_id}")
    return RawObject(name, item.box, difficult=item.difficult)


def unique_ids(ids: Sequence[tuple[str, int]]) -> list[str | int]:
    """Ids that differ from one another, of (file, id) pairs.

    They are the ids where these differ, else file and id, else file and position.
    """
    numbers = [number for _, number in ids]
    if len(set(numbers)) == len(numbers):
        return list(numbers)
    if len(set(ids)) == len(ids):
        return [f"{file}/{number}" for file, number in ids]
    return [f"{file}/{position}" for position, (file, _) in enumerate(ids)]
