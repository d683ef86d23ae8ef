"""A user's own data set in VOC layout: its usual splits, and its classes from all annotations."""

from __future__ import annotations

from pathlib import Path

from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.sources.voc import VocDataset, find_voc_folder, parse_splits, voc_folders
from gluon_ssd.data.sources.voc_class_names import class_names
from gluon_ssd.errors import DataError
from gluon_ssd.system.regular_file import is_present

# The first that exists is used when no split is named.
_USUAL_SPLITS = {True: ("train", "trainval"), False: ("val", "test")}


def is_voc_folder(root: Path) -> bool:
    """Whether there is a folder in VOC layout at a root, or where archives unpack below it."""
    return root.is_dir() and bool(voc_folders(root))


def open_voc_folder(root: Path, selection: Selection) -> ListedDataset:
    """Open it. Raises DataError where the usual splits are absent, saying which there are."""
    pairs = parse_splits(selection.splits or _usual_split(root, selection.train))
    classes, tolerant = selection.classes, selection.tolerant
    if not classes:
        folders = dict.fromkeys(find_voc_folder(root, pair) for pair in pairs)
        classes = class_names(folder / "Annotations" for folder in folders)
    return VocDataset(
        root,
        splits=pairs,
        classes=classes,
        name="custom",
        tolerant=tolerant,
        other_labels=selection.other_labels,
        unlabelled_is_background=selection.unlabelled_is_background,
        repeats=selection.train,
    )


def _usual_split(root: Path, train: bool) -> str:
    folders = voc_folders(root)
    for name in _USUAL_SPLITS[train]:
        if any(is_present(folder / "ImageSets/Main" / f"{name}.txt") for folder in folders):
            return name
    places = ", ".join(str(folder / "ImageSets/Main") for folder in folders)
    present = sorted({file.stem for folder in folders for file in folder.glob("ImageSets/Main/*")})
    raise DataError(
        f"no split {' or '.join(_USUAL_SPLITS[train])} in {places}; it has "
        f"{', '.join(present) or 'none'}; name one of them",
        settings=("splits",),
    )
