"""Open a user's own data set, whichever of the two layouts it has, and any data set by its kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from gluon_ssd.data.classes import COCO_CLASSES, VOC_CLASSES, read_classes_file
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.sources.coco import CocoDataset, annotation_candidates
from gluon_ssd.data.sources.shapes import open_shapes
from gluon_ssd.data.sources.voc import (
    TRAIN_SPLITS,
    VAL_SPLITS,
    VocDataset,
    class_names,
    find_voc_folder,
    parse_splits,
    voc_folders,
)
from gluon_ssd.errors import DataError, OptionError

# The first that exists is used when no split is named.
_VOC_SPLITS = {True: ("train", "trainval"), False: ("val", "test")}
_COCO_SPLITS = {True: ("train2017", "train"), False: ("val2017", "val", "valid", "test")}
_CLASSES_FILE = "classes.txt"


def open_dataset(
    kind: str,
    root: str | os.PathLike[str],
    *,
    train: bool,
    splits: str = "",
    classes: Sequence[str] | None = None,
    keep_empty: bool = False,
    use_crowd: bool = True,
    tolerant: bool = False,
) -> ListedDataset:
    """Open a data set by its kind, with the published splits unless others are named.

    Args:
        kind: "voc", "coco", "custom" or "shapes".
        root: the folder given as --dataset-root.
        train: the training part, else the validation part.
        splits: split names as in --splits; empty takes the usual ones.
        classes: label order; None takes the data set's own.
        keep_empty: keep COCO training images without boxes, which legacy leaves out.
        use_crowd: train on COCO crowd boxes, as legacy does.
        tolerant: count broken VOC annotations instead of raising; for checking only.

    Raises:
        DataError: the data is not there or broken. OptionError: `splits` cannot be read.
    """
    try:
        if kind == "voc":
            return _open_published_voc(root, splits, classes, train, tolerant)
        if kind == "coco":
            return CocoDataset(
                root,
                split=_one_split(splits or _COCO_SPLITS[train][0]),
                classes=classes or COCO_CLASSES,
                skip_empty=train and not keep_empty,
                use_crowd=use_crowd or not train,
            )
        opener: Callable[..., ListedDataset] = open_shapes if kind == "shapes" else open_custom
        return opener(root, splits=splits, classes=classes, train=train, tolerant=tolerant)
    except OSError as error:
        raise DataError(
            f"cannot read {error.filename or os.fspath(root)}: {error.strerror or error}; "
            "make the data set readable or choose another --dataset-root"
        ) from error


def _open_published_voc(
    root: str | os.PathLike[str],
    splits: str,
    classes: Sequence[str] | None,
    train: bool,
    tolerant: bool,
) -> VocDataset:
    return VocDataset(
        root,
        splits=parse_splits(splits or (TRAIN_SPLITS if train else VAL_SPLITS)),
        classes=classes or VOC_CLASSES,
        tolerant=tolerant,
    )


def open_custom(
    root: str | os.PathLike[str],
    *,
    splits: str = "",
    classes: Sequence[str] | None = None,
    train: bool,
    tolerant: bool = False,
) -> ListedDataset:
    """Open a data set in VOC layout or COCO JSON; the layout is recognised, VOC first.

    Args:
        root: its folder, or a COCO JSON file.
        splits: split names; empty takes train (or trainval) for training, val (or test) else.
        classes: label order; None reads classes.txt of the folder, or takes the names from the
            data (VOC: sorted; COCO: by rising category id), whatever the split.
        train: the training part, else the validation part.
        tolerant: see VocDataset.

    Raises:
        DataError: neither layout is there, saying what was looked for.
    """
    base = Path(root).expanduser()
    classes = classes or _own_classes(base)
    if base.is_file():
        dataset: ListedDataset = CocoDataset(base.parent, classes=classes, annotation_file=base)
    elif voc_folders(base):
        dataset = _open_voc(base, splits, classes, train, tolerant)
    else:
        dataset = _open_coco(base, splits, classes, train)
    dataset.name = "custom"
    return dataset


def _own_classes(base: Path) -> tuple[str, ...] | None:
    file = base / _CLASSES_FILE
    return read_classes_file(file) if file.is_file() else None


def _open_voc(
    base: Path, splits: str, classes: Sequence[str] | None, train: bool, tolerant: bool
) -> ListedDataset:
    pairs = parse_splits(splits or _usual_voc_split(base, train))
    if classes is None:
        folders = dict.fromkeys(find_voc_folder(base, pair) for pair in pairs)
        classes = class_names(folders, tolerant=tolerant)
    return VocDataset(base, splits=pairs, classes=classes, name="custom", tolerant=tolerant)


def _usual_voc_split(base: Path, train: bool) -> str:
    folders = voc_folders(base)
    for name in _VOC_SPLITS[train]:
        if any((folder / "ImageSets/Main" / f"{name}.txt").is_file() for folder in folders):
            return name
    places = ", ".join(str(folder / "ImageSets/Main") for folder in folders)
    present = sorted({file.stem for folder in folders for file in folder.glob("ImageSets/Main/*")})
    raise DataError(
        f"no split {' or '.join(_VOC_SPLITS[train])} in {places}; it has "
        f"{', '.join(present) or 'none'}; name one with --splits"
    )


def _open_coco(
    base: Path, splits: str, classes: Sequence[str] | None, train: bool
) -> ListedDataset:
    names = [_one_split(splits)] if splits else list(_COCO_SPLITS[train])
    for name in names:
        for file in annotation_candidates(base, name):
            if file.is_file():
                return CocoDataset(base, split=name, classes=classes, annotation_file=file)
    looked_for = ", ".join(f"annotations/instances_{name}.json" for name in names)
    raise DataError(
        f"{base} is no data set: neither VOC layout (ImageSets/Main, Annotations, JPEGImages in "
        f"it, in voc/, VOCdevkit/ or a folder below) nor COCO JSON ({looked_for} or {names[0]}"
        ".json); set --dataset-root to the folder of one, or name other --splits"
    )


def _one_split(text: str) -> str:
    if "+" in text:
        raise OptionError(f"--splits of COCO JSON must be one split; got {text!r}")
    return text
