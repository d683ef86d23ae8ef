"""Which part of a data set is meant, where folders or lists of pictures are its splits.

| split `train` of ROOT is the first that exists | |
|---|---|
| folder | ROOT/train/images, ROOT/images/train and the like, ROOT/train |
| list | ROOT/train.txt, a picture a line |

A data set without any split is one set, whatever it is used for.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.images import IMAGE_SUFFIXES
from gluon_ssd.data.problems import Problem
from gluon_ssd.data.sources.path_ends import parts_of
from gluon_ssd.data.sources.pictures import PictureFinder, pictures_below
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.system.regular_file import is_present
from gluon_ssd.system.text_file import read_lines
from gluon_ssd.system.wording import one_line, quoted

USUAL_SPLITS = {
    True: ("train", "training", "train2017"),
    False: ("val", "valid", "validation", "val2017", "test"),
}
"""Of training and of validation; the first that exists is used when no split is named."""

PICTURE_FOLDERS = ("images", "JPEGImages", "data", "obj_train_data", "imgs", "img")


class Part(NamedTuple):
    """A split. place: its folder, or its list of pictures; name: empty for the whole set."""

    name: str
    place: Path


def split_names(text: str) -> list[str]:
    """The names that are joined by +. Raises OptionError for one that is empty or leads away."""
    names = [part.strip() for part in text.split("+")]
    for name in names:
        if not name or name.startswith(("/", "\\")) or ".." in name.split("/"):
            raise OptionError(
                f"cannot read the split {name!r} in {text!r}; write names of folders or lists such "
                "as train or job1/train, joined by +",
                settings=("splits",),
            )
    return names


def find_parts(root: Path, selection: Selection) -> list[Part]:
    """The parts that a selection names, or the usual one, or the whole set if it has no parts.

    Raises:
        DataError: a split is not there, or the usual ones are those of another use.
        OptionError: names that cannot be read.
    """
    if selection.splits:
        return [_named(root, name) for name in split_names(selection.splits)]
    wanted = USUAL_SPLITS[selection.train]
    for name in wanted:
        if part := _find(root, name):
            return [part]
    if present := present_parts(root):
        raise missing_split(root, wanted, present)
    return [Part("", _folder_of_all(root))]


def present_parts(root: Path) -> list[str]:
    """The usual names under which there are splits."""
    return [name for names in USUAL_SPLITS.values() for name in names if _find(root, name)]


def missing_split(root: Path, wanted: Sequence[str], present: Sequence[str]) -> DataError:
    """The error of splits that are not there."""
    there = f"it has {', '.join(map(one_line, present))}; name one of them"
    return DataError(
        f"no split {' or '.join(wanted)} in {root}; "
        + (
            there
            if present
            else "it has none of the usual names; name one it has, or none for all of it"
        ),
        settings=("splits",),
    )


def _named(root: Path, name: str) -> Part:
    if part := _find(root, name):
        return part
    raise missing_split(root, [name], present_parts(root))


def _find(root: Path, name: str) -> Part | None:
    folders = [
        *(root / name / holder for holder in PICTURE_FOLDERS),
        *(root / holder / name for holder in PICTURE_FOLDERS),
        root / name,
    ]
    for folder in folders:
        if folder.is_dir():
            return Part(name, folder)
    listing = root / (name if name.endswith(".txt") else f"{name}.txt")
    return Part(name, listing) if is_present(listing) else None


def _folder_of_all(root: Path) -> Path:
    for holder in PICTURE_FOLDERS:
        if (root / holder).is_dir():
            return root / holder
    return root


def pictures_of(place: Path, top: Path, *, anywhere: bool = False) -> list[str]:
    """The pictures of a folder or of a list, in order; a list may have one twice.

    Args:
        place: the folder or the list.
        top: the folder of the data set, outside of which no picture is opened.
        anywhere: as of `PictureFinder`.

    Raises:
        DataError: there is none; a list that cannot be read.
    """
    if place.is_dir():
        found = pictures_below(place)
    else:
        find = PictureFinder(top, [place.parent, top], str(place), anywhere=anywhere)
        found = []
        for number, line in enumerate(read_lines(place, "image list"), start=1):
            if line.strip():
                _check_line(line.strip(), f"{place} line {number}")
                found.append(find(line.strip()))
        find.tell()
    if not found:
        what = "holds no picture" if place.is_dir() else "names no picture"
        raise DataError(f"{place} {what} ({', '.join(IMAGE_SUFFIXES)}); put some there")
    return found


def _check_line(line: str, where: str) -> None:
    parts, _ = parts_of(line)
    suffix = os.path.splitext(parts[-1])[1].lower() if parts else ""
    if suffix not in IMAGE_SUFFIXES:
        raise DataError(
            f"{where} must be the path of a picture, such as images/a.jpg; got {quoted(line)}"
        )


def numbered(names: Sequence[str]) -> list[str]:
    """Each name, with #2, #3, ... behind it where it comes again."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique


def as_used(pictures: Sequence[str], *, train: bool) -> tuple[list[str], list[Problem]]:
    """The pictures as a data set has them: for training as often as they are listed, else once.

    Returns:
        Their paths, and a problem for each that was listed again and is left out.
    """
    if train:
        return list(pictures), []
    again = [path for path, count in Counter(pictures).items() if count > 1]
    problems = [Problem("duplicate image", path, "listed again") for path in again]
    return list(dict.fromkeys(pictures)), problems
