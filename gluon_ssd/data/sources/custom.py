"""Open a user's own data set, whichever of the two layouts it has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.sources.coco import (
    COCO_RULES,
    CocoDataset,
    annotation_candidates,
    one_split,
    present_splits,
)
from gluon_ssd.data.sources.foreign import foreign_files
from gluon_ssd.data.sources.voc import VocDataset, find_voc_folder, parse_splits, voc_folders
from gluon_ssd.data.sources.voc_class_names import class_names
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.system.wording import one_line, some_of

# The first that exists is used when no split is named.
_VOC_SPLITS = {True: ("train", "trainval"), False: ("val", "test")}
_COCO_SPLITS = {True: ("train2017", "train"), False: ("val2017", "val", "valid", "test")}
_CLASSES_FILE = "classes.txt"


def open_custom(selection: Selection) -> ListedDataset:
    """Open a data set in VOC layout or COCO JSON; the layout is recognised, VOC first.

    The root is a folder, or a COCO JSON file, which has no splits. Without named splits it is train
    (or trainval) for training, val (or test) else. Without named classes they are those of
    classes.txt in the folder, or of the data (VOC: sorted; COCO: by rising category id), whatever
    the split.

    Raises:
        DataError: neither layout is there, saying what was looked for.
        OptionError: splits of one file.
    """
    base = Path(selection.root).expanduser()
    if base.is_file() and selection.splits:
        raise OptionError(
            f"the data set {base} is one file and has no split {selection.splits!r}; name the "
            "folder that holds the annotation files of all splits, or leave the splits out",
            settings=("splits",),
        )
    if not selection.classes and (base / _CLASSES_FILE).is_file():
        selection = replace(selection, classes=read_classes_file(base / _CLASSES_FILE))
    if base.is_file():
        dataset: ListedDataset = _coco(
            base.parent, selection, base, base.stem.removeprefix("instances_")
        )
    elif voc_folders(base):
        dataset = _open_voc(base, selection)
    else:
        dataset = _open_coco(base, selection)
    dataset.name = "custom"
    return dataset


def _open_voc(base: Path, selection: Selection) -> ListedDataset:
    pairs = parse_splits(selection.splits or _usual_voc_split(base, selection.train))
    classes, tolerant = selection.classes, selection.tolerant
    if not classes:
        folders = dict.fromkeys(find_voc_folder(base, pair) for pair in pairs)
        classes = class_names(folders)
    return VocDataset(
        base,
        splits=pairs,
        classes=classes,
        name="custom",
        tolerant=tolerant,
        other_labels=selection.other_labels,
    )


def _usual_voc_split(base: Path, train: bool) -> str:
    folders = voc_folders(base)
    for name in _VOC_SPLITS[train]:
        if any((folder / "ImageSets/Main" / f"{name}.txt").is_file() for folder in folders):
            return name
    places = ", ".join(str(folder / "ImageSets/Main") for folder in folders)
    present = sorted({file.stem for folder in folders for file in folder.glob("ImageSets/Main/*")})
    raise DataError(
        f"no split {' or '.join(_VOC_SPLITS[train])} in {places}; it has "
        f"{', '.join(present) or 'none'}; name one of them",
        settings=("splits",),
    )


def _open_coco(base: Path, selection: Selection) -> ListedDataset:
    splits = selection.splits
    names = [one_split(splits)] if splits else _COCO_SPLITS[selection.train]
    for name in names:
        for file in annotation_candidates(base, name):
            if file.is_file():
                return _coco(base, selection, file, name)
    looked_for = ", ".join(f"annotations/instances_{name}.json" for name in names)
    if present := present_splits(base):
        raise DataError(
            f"no split {' or '.join(names)} of COCO JSON in {base} ({looked_for} or {names[0]}"
            f".json); it has {some_of(map(one_line, present), most=8)}; name one of them",
            settings=("splits",),
        )
    raise DataError(
        f"{base} is no data set: neither VOC layout (ImageSets/Main, Annotations, JPEGImages in "
        f"it, in voc/, VOCdevkit/ or a folder below) nor COCO JSON ({looked_for} or {names[0]}"
        f".json){foreign_files(base)}; give the folder of one, or name other splits",
        settings=("dataset_root", "splits"),
    )


def _coco(root: Path, selection: Selection, file: Path, split: str) -> CocoDataset:
    return CocoDataset(
        root,
        split=split,  # its folder comes first: another split's pictures often have the same names
        classes=selection.classes,
        use_crowd=selection.use_crowd or not selection.train,
        annotation_file=file,
        rules=COCO_RULES.for_selection(selection)._replace(edge_px=selection.edge_px),
    )
