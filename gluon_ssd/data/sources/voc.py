"""Data sets in the layout of PASCAL VOC: JPEGImages, Annotations, ImageSets/Main.

Coordinates have 1 subtracted, as in the legacy reader, since VOC counts pixels from 1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
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
from gluon_ssd.data.images import IMAGE_SUFFIXES, size_of_file
from gluon_ssd.data.problems import Problem, log_lost_labels
from gluon_ssd.data.sources.voc_xml import read_annotation
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.system.files import read_lines

# An image set may carry -1, 0 or 1 behind the id: the per-class lists of VOC do.
_LIST_LINE = re.compile(r"(?P<id>.*?)(?:\s+-?[01])?\s*")

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
    found = [candidate for candidate in candidates if (candidate / list_file).is_file()]
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
    ) -> None:
        listings, problems = _list_images(root, splits)
        has_unique_stems = len({stem for _, stem in listings}) == len(listings)
        files = {folder: _image_files(folder) for folder in {folder for folder, _ in listings}}
        labels_by_name = class_index(classes)
        items = []
        for folder, stem in listings:
            path = folder / "JPEGImages" / files[folder].get(stem, f"{stem}.jpg")
            annotation, found = _annotate(folder, path, labels_by_name, tolerant)
            image_id = stem if has_unique_stems else f"{folder.name}/{stem}"
            items.append(ListedItem(str(path), image_id, annotation, tuple(found)))
        super().__init__(items, name=name, classes=classes, metric="voc07", problems=problems)
        log_lost_labels(self.problems, name)


def open_voc(selection: Selection) -> VocDataset:
    """Open the named splits of a set in VOC layout, with VOC's classes unless others are named."""
    return VocDataset(
        selection.root,
        splits=parse_splits(selection.splits),
        classes=selection.classes or VOC_CLASSES,
        tolerant=selection.tolerant,
    )


def _list_images(
    root: str | os.PathLike[str], splits: Sequence[Split]
) -> tuple[list[tuple[Path, str]], list[Problem]]:
    """(VOC folder, stem) of every image that the splits name, each once."""
    listed: dict[tuple[Path, str], None] = {}
    problems = []
    for split in splits:
        folder = find_voc_folder(root, split)
        list_file = folder / "ImageSets" / "Main" / f"{split[1]}.txt"
        stems = read_image_set(list_file)
        if not stems:
            raise DataError(f"{list_file} names no image; write one image id a line")
        for stem in stems:
            if (folder, stem) in listed:
                problems.append(Problem("duplicate image", str(list_file), f"id {stem!r} again"))
            listed[folder, stem] = None
    return list(listed), problems


def read_image_set(path: Path) -> list[str]:
    """Image ids of an ImageSets/Main file, in its order. Raises DataError naming the file."""
    lines = read_lines(path, "image list")
    ids = []
    for match in (_LIST_LINE.fullmatch(line.strip()) for line in lines if line.strip()):
        if match:
            stem, suffix = os.path.splitext(match["id"])
            ids.append(stem if suffix.lower() in IMAGE_SUFFIXES else match["id"])
    return ids


def _image_files(folder: Path) -> dict[str, str]:
    """Stem to file name in JPEGImages; the earlier suffix in IMAGE_SUFFIXES wins."""
    images = folder / "JPEGImages"
    if not images.is_dir():
        raise DataError(f"there is no folder {images}; VOC layout keeps its images there")
    ranked = []
    for name in os.listdir(images):
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in IMAGE_SUFFIXES:
            ranked.append((IMAGE_SUFFIXES.index(suffix.lower()), stem, name))
    return {stem: name for _, stem, name in sorted(ranked, reverse=True)}


def _annotate(
    folder: Path, image_path: Path, labels_by_name: dict[str, int], tolerant: bool
) -> tuple[Annotation, list[Problem]]:
    path = str(folder / "Annotations" / f"{image_path.stem}.xml")
    problems = []
    try:
        size_hw, objects = read_annotation(path)
    except DataError as error:
        if not tolerant:
            raise
        size_hw, objects = None, []
        problems.append(Problem("broken annotation", path, str(error)))
    annotation, found = clean_objects(
        objects,
        labels_by_name=labels_by_name,
        size_hw=size_hw or size_of_file(image_path),
        edge=0,
        file=path,
    )
    return annotation, problems + found


def class_names(folders: Iterable[Path], *, tolerant: bool = False) -> tuple[str, ...]:
    """Sorted names of all objects in all annotation files of VOC folders, whatever the split.

    Every split of a data set thus gets the same label order.

    Raises:
        DataError: no object anywhere, or a broken file (skipped when `tolerant`).
    """
    places = [folder / "Annotations" for folder in folders]
    names: set[str] = set()
    for path in (path for place in places for path in sorted(place.glob("*.xml"))):
        try:
            _, objects = read_annotation(str(path))
        except DataError:
            if not tolerant:
                raise
            continue
        names.update(item.name for item in objects)
    if not names:
        where = ", ".join(map(str, places))
        raise DataError(f"no object in any annotation file of {where}; label some images first")
    return tuple(sorted(names))
