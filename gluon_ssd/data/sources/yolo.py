"""Data sets of YOLO: pictures, and a text file of boxes for each.

The label file of `images/train/a.jpg` is `labels/train/a.txt`: the last folder `images` of the path
is replaced; or it lies beside the picture. A picture whose label file is missing or empty is a
background. Class names come from data.yaml, or from a file of names such as classes.txt.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gluon_ssd.data.dataset import ListedDataset, RawObject, Selection, class_index
from gluon_ssd.data.images import IMAGE_SUFFIXES
from gluon_ssd.data.problems import Problem, log_lost_labels
from gluon_ssd.data.sources.class_ids import class_names
from gluon_ssd.data.sources.listed_items import Listed, id_of, item_of_fractions
from gluon_ssd.data.sources.parts import (
    PICTURE_FOLDERS,
    USUAL_SPLITS,
    as_used,
    find_parts,
    missing_split,
    numbered,
    pictures_of,
    split_names,
)
from gluon_ssd.data.sources.pictures import files_below
from gluon_ssd.data.sources.yolo_txt import YoloObject, read_yolo_labels
from gluon_ssd.data.sources.yolo_yaml import (
    Description,
    find_description,
    located,
    names_beside,
    read_description,
)
from gluon_ssd.errors import DataError
from gluon_ssd.system.regular_file import is_present

_NAME_FILES = ("classes.txt", "notes.txt", "readme.txt", "predefined_classes.txt")
_MOST_PROBED = 2000
_PROBED_FOLDERS = ("", *PICTURE_FOLDERS, *(name for use in USUAL_SPLITS.values() for name in use))


class _Labels(NamedTuple):
    """What is needed to read the label file of any picture."""

    top: Path
    names: Mapping[int, str]
    tolerant: bool


def is_yolo(root: Path) -> bool:
    """Whether a root is data.yaml, or a folder with it, or with label files in text."""
    if find_description(root):
        return True
    if not root.is_dir():
        return False
    holders = [root / "labels", *(root / name / "labels" for name in _PROBED_FOLDERS if name)]
    for holder in holders:
        if any(map(_may_be_labels, files_below(holder, (".txt",)))):
            return True
    return any(_has_labels_beside(root / name) for name in _PROBED_FOLDERS)


def _may_be_labels(path: str) -> bool:
    return os.path.basename(path).lower() not in _NAME_FILES


def _has_labels_beside(folder: Path) -> bool:
    """Whether a folder has a picture and a text file of one name; the first entries tell."""
    stems: dict[str, set[str]] = {"picture": set(), "text": set()}
    try:
        with os.scandir(folder) as entries:
            for entry, _ in zip(entries, range(_MOST_PROBED), strict=False):
                stem, suffix = os.path.splitext(entry.name)
                if suffix.lower() in IMAGE_SUFFIXES:
                    stems["picture"].add(stem)
                elif suffix == ".txt":
                    stems["text"].add(stem)
    except OSError:
        return False
    return bool(stems["picture"] & stems["text"])


def open_yolo(root: Path, selection: Selection) -> ListedDataset:
    """Open the named splits, or the usual ones, or all of a set without splits.

    Splits are those of data.yaml, or folders and lists as of `parts`. Photos with an EXIF
    orientation are taken as `selection.exif` says. A picture that a training list has twice is
    trained on twice, and scored once.

    Raises:
        DataError: no split, no picture, or a label file that is broken.
        OptionError: splits that cannot be read.
    """
    file = find_description(root)
    description = read_description(file) if file else None
    top = root if root.is_dir() else root.parent
    own = (description.names if description else {}) or names_beside(top)
    names = class_names(top, selection, own, lambda: _ids_below(top))
    is_whole = False
    if description and description.parts:
        pictures = _described_pictures(description, selection, anywhere=root.is_file())
    else:
        parts = find_parts(top, selection)
        is_whole = not parts[0].name
        pictures = [path for part in parts for path in pictures_of(part.place, top)]
    labels = _Labels(top, names.by_id, selection.tolerant)
    dataset = _dataset(pictures, labels, names.classes, selection)
    dataset.is_whole = is_whole
    return dataset


def _ids_below(top: Path) -> Iterator[int]:
    """The class of every object in a data set without names, whatever the split."""
    for path in files_below(top, (".txt",)):
        if _may_be_labels(path):
            try:
                yield from (item.class_id for item in read_yolo_labels(path))
            except DataError:
                continue  # another text, or a label file of which the split that has it will tell


def _described_pictures(
    description: Description, selection: Selection, *, anywhere: bool
) -> list[str]:
    """The pictures of the splits of data.yaml."""
    wanted = USUAL_SPLITS[selection.train]
    if selection.splits:
        names = split_names(selection.splits)
    else:
        names = [name for name in wanted if name in description.parts][:1]
    if missing := [name for name in names or wanted if name not in description.parts]:
        raise missing_split(description.path, missing, sorted(description.parts))
    places = [
        located(description, place, anywhere=anywhere)
        for name in names
        for place in description.parts[name]
    ]
    home = description.path.parent
    return [path for place in places for path in pictures_of(place, home, anywhere=anywhere)]


def _dataset(
    pictures: Sequence[str], labels: _Labels, classes: tuple[str, ...], selection: Selection
) -> ListedDataset:
    pictures, problems = as_used(pictures, train=selection.train)
    files = [_label_file(path, labels.top) for path in pictures]
    if not any(map(os.path.isfile, files)):
        raise DataError(
            f"none of the {len(files)} pictures has a label file; the first is {pictures[0]}, "
            f"whose labels were looked for in {files[0]}"
        )
    labels_by_name = class_index(classes)
    ids = numbered([id_of(path, labels.top) for path in pictures])
    items = []
    for path, image_id, file in zip(pictures, ids, files, strict=True):
        objects, found = _read(file, path, labels)
        listed = Listed(path, image_id, file, objects, problems=tuple(found))
        items.append(item_of_fractions(listed, labels_by_name, selection))
    dataset = ListedDataset(
        items, name="custom", classes=classes, metric="voc07", problems=problems
    )
    log_lost_labels(dataset.problems, dataset.name)
    return dataset


def _label_file(picture: str, top: Path) -> str:
    """Where the labels of a picture are, or would be if there were any."""
    stem = os.path.splitext(picture)[0]
    beside = f"{stem}.txt"
    *parents, name = os.path.relpath(stem, top).split(os.sep)
    if "images" not in parents:
        return beside
    place = len(parents) - 1 - parents[::-1].index("images")
    parents[place] = "labels"
    mirrored = os.path.normpath(os.path.join(top, *parents, f"{name}.txt"))
    return beside if not is_present(mirrored) and is_present(beside) else mirrored


def _read(file: str, picture: str, labels: _Labels) -> tuple[list[RawObject], list[Problem]]:
    """The objects of a picture's label file, none if it is missing, and what is wrong with them."""
    if not is_present(file):
        return [], []
    try:
        found = read_yolo_labels(file)
    except DataError as error:
        if not labels.tolerant:
            raise
        detail = str(error).removeprefix(f"{file} ")
        return [], [Problem("broken annotation", file, detail, picture)]
    known = [item for item in found if item.class_id in labels.names]
    objects = [RawObject(labels.names[item.class_id], item.box) for item in known]
    return objects, list(_problems(found, file, labels.names))


def _problems(
    found: Sequence[YoloObject], file: str, names: Mapping[int, str]
) -> Iterator[Problem]:
    last = max(names)
    for item in found:
        if item.class_id not in names:
            detail = f"line {item.line}: class {item.class_id}, the names end with {last}"
            yield Problem("unknown class", file, detail)
        elif item.is_polygon:
            yield Problem("polygon", file, f"line {item.line}: its box is taken")
