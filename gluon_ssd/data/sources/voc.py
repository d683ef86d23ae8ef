"""Data sets in the layout of PASCAL VOC: JPEGImages, Annotations, ImageSets/Main.

Coordinates have 1 subtracted, as in the legacy reader, since VOC counts pixels from 1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from gluon_ssd.data.class_names import VOC_CLASSES
from gluon_ssd.data.dataset import (
    Annotation,
    ListedDataset,
    ListedItem,
    Selection,
    class_index,
    clean_objects,
)
from gluon_ssd.data.orientations import size_without_doubt
from gluon_ssd.data.problems import Problem, log_lost_labels
from gluon_ssd.data.sources.parts import numbered
from gluon_ssd.data.sources.voc_list import Entry, VocFiles, read_image_set
from gluon_ssd.data.sources.voc_xml import read_annotation
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.system.regular_file import is_present

Split = tuple[str, str]


def parse_splits(text: str) -> tuple[Split, ...]:
    """Read split names joined by +.

    "2007_trainval" is split trainval of folder VOC2007, "VOC2007/test" is split test of that
    folder, and "train" is split train of the only VOC folder there is (folder "").

    Returns:
        (folder, split) pairs in the order given.

    Raises:
        OptionError: an empty or absolute name.
    """
    return tuple(_parse_split(part.strip(), text) for part in text.split("+"))


def _parse_split(part: str, text: str) -> Split:
    year = re.fullmatch(r"(\d{4})_(.+)", part)
    if year:
        return f"VOC{year[1]}", year[2]
    folder, _, name = part.rpartition("/")
    if not name or part.startswith("/"):
        raise OptionError(
            f"cannot read the split {part!r} in {text!r}; write names such as 2007_trainval, "
            "VOC2007/test or train, joined by +",
            settings=("splits",),
        )
    return folder, name


def base_folders(root: str | os.PathLike[str], kind: str = "voc") -> list[Path]:
    """Folders below `root` in which the published archives may have been unpacked."""
    base = Path(root).expanduser()
    tops = [base, base / kind]
    return tops if kind != "voc" else [*tops, *(top / "VOCdevkit" for top in tops)]


def voc_folders(root: str | os.PathLike[str]) -> list[Path]:
    """Every folder in VOC layout at `root`, or one or two levels below where archives unpack."""
    found = []
    for base in base_folders(root):
        children = sorted(base.iterdir()) if base.is_dir() else []
        found += [folder for folder in (base, *children) if (folder / "ImageSets/Main").is_dir()]
    return list(dict.fromkeys(found))


def find_voc_folder(root: str | os.PathLike[str], split: Split) -> Path:
    """The VOC folder that holds ImageSets/Main/<name>.txt of `split`.

    Raises:
        DataError: listing the places looked at, or the folders among which to choose.
    """
    folder, name = split
    list_file = f"ImageSets/Main/{name}.txt"
    bases = base_folders(root)
    if folder:
        candidates = [base / folder for base in bases]
        if bases[0].resolve().name == folder:
            candidates.insert(0, bases[0])
    else:
        candidates = voc_folders(root) or bases
    found = [candidate for candidate in candidates if is_present(candidate / list_file)]
    if not found:
        places = ", ".join(str(candidate / list_file) for candidate in candidates)
        raise DataError(
            f"no split {name!r} in VOC layout under {os.fspath(root)}; looked for {places}; "
            "give the folder that holds VOC2007, or name other splits",
            settings=("dataset_root", "splits"),
        )
    if not folder and len(found) > 1:
        names = ", ".join(f"{candidate.name}/{name}" for candidate in found)
        raise DataError(
            f"split {name!r} is in several folders under {os.fspath(root)}; choose among {names}",
            settings=("splits",),
        )
    return found[0]


class VocDataset(ListedDataset):
    """Images and XML annotations in VOC layout.

    Args:
        root: the folder that holds VOC2007 and its like (directly, in voc/ or in VOCdevkit/), or
            such a folder itself.
        splits: (folder, split) pairs as from parse_splits.
        classes: label order; names are matched exactly, else in lower case as legacy does.
        name: kind of data set, for messages.
        tolerant: list an image whose annotation file is missing or broken without objects, and
            count the problem, instead of raising; for checking only.
        other_labels: the reason under which labels of other classes are counted.
        unlabelled_is_background: as of `Selection`.
        repeats: list an image as often as the splits name it, for training; else once, and count
            the others.

    Difficult objects are kept and flagged. Boxes are clipped to the image; labels of unknown
    classes and degenerate boxes are left out, counted in `problems` and logged.

    Raises:
        DataError: a split is not there or empty, or an annotation file is missing or broken.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        splits: Sequence[Split],
        classes: Sequence[str] = VOC_CLASSES,
        name: str = "voc",
        tolerant: bool = False,
        other_labels: str = "unknown class",
        unlabelled_is_background: bool = False,
        repeats: bool = False,
    ) -> None:
        listings, problems = _list_images(root, splits, repeats=repeats)
        named = {(files.folder, entry.stem) for files, entry in listings}
        has_unique_stems = len({stem for _, stem in named}) == len(named)
        ids = numbered(
            [
                entry.stem if has_unique_stems else f"{files.folder.name}/{entry.stem}"
                for files, entry in listings
            ]
        )
        labels_by_name = class_index(classes)
        items = []
        for (files, entry), image_id in zip(listings, ids, strict=True):
            path = files.image(entry)
            file = files.annotation(entry)
            found: list[Problem] = []
            if unlabelled_is_background and not is_present(file):
                annotation = background(path)
            else:
                annotation, found = annotate(file, path, labels_by_name, tolerant, other_labels)
            items.append(ListedItem(path, image_id, annotation, tuple(found)))
        super().__init__(items, name=name, classes=classes, metric="voc07", problems=problems)
        log_lost_labels(self.problems, name)


def open_voc(selection: Selection) -> VocDataset:
    """Open the named splits of a set in VOC layout, with VOC's classes unless others are named."""
    return VocDataset(
        selection.root,
        splits=parse_splits(selection.splits),
        classes=selection.classes or VOC_CLASSES,
        tolerant=selection.tolerant,
        other_labels=selection.other_labels,
        unlabelled_is_background=selection.unlabelled_is_background,
        repeats=selection.train,
    )


def _list_images(
    root: str | os.PathLike[str], splits: Sequence[Split], *, repeats: bool
) -> tuple[list[tuple[VocFiles, Entry]], list[Problem]]:
    """Every image that the splits name, once or as often as they name it."""
    files_of: dict[Path, VocFiles] = {}
    listed: list[tuple[VocFiles, Entry]] = []
    seen: set[tuple[Path, str]] = set()
    problems = []
    for split in splits:
        folder = find_voc_folder(root, split)
        files = files_of.setdefault(folder, VocFiles(folder))
        list_file = folder / "ImageSets" / "Main" / f"{split[1]}.txt"
        names, found = read_image_set(list_file, files.has)
        problems += found
        if not names:
            raise DataError(f"{list_file} names no image; write one image id a line")
        for entry in map(files.entry, names):
            if (folder, entry.stem) in seen and not repeats:
                again = Problem("duplicate image", str(list_file), f"id {entry.stem!r} again")
                problems.append(again)
                continue
            seen.add((folder, entry.stem))
            listed.append((files, entry))
    return listed, problems


def annotate(
    path: str, image_path: str, labels_by_name: dict[str, int], tolerant: bool, others: str
) -> tuple[Annotation, list[Problem]]:
    """The cleaned annotation of one image, and what is wrong with it.

    Args:
        path: of the XML file.
        image_path: of the picture, which gives its size if the file has none.
        labels_by_name: from class_index.
        tolerant: count a broken file as a problem, and take it for one without objects.
        others: the reason for labels of other classes.

    Raises:
        DataError: the file is missing or broken.
    """
    problems = []
    try:
        size_hw, objects = read_annotation(path)
    except DataError as error:
        if not tolerant:
            raise
        size_hw, objects = None, []
        detail = str(error).removeprefix(f"{path}: ")
        problems.append(Problem("broken annotation", path, detail, image_path))
    annotation, found = clean_objects(
        objects,
        labels_by_name=labels_by_name,
        size_hw=size_hw or size_without_doubt(image_path),
        edge=0,
        file=path,
        others=others,
    )
    return annotation, problems + found


def background(image_path: str) -> Annotation:
    """The annotation of an image without objects, whose size is that of its file."""
    size_hw = size_without_doubt(image_path)
    annotation, _ = clean_objects((), labels_by_name={}, size_hw=size_hw, edge=0, file=image_path)
    return annotation
