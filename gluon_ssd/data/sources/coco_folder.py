"""A user's own data set in COCO's JSON format: a folder, or one annotation file."""

from __future__ import annotations

import re
from pathlib import Path

from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.sources.coco import (
    COCO_RULES,
    CocoDataset,
    annotation_candidates,
    one_split,
    present_splits,
)
from gluon_ssd.data.sources.voc import base_folders
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.system.regular_file import is_present, open_regular
from gluon_ssd.system.wording import one_line, some_of

# The first that exists is used when no split is named.
_USUAL_SPLITS = {True: ("train2017", "train"), False: ("val2017", "val", "valid", "test")}
_BY_NAME = frozenset(name for names in _USUAL_SPLITS.values() for name in names)
_FIRST_KEY = re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*"(info|licenses|images|annotations|categories)"')
_PEEKED_BYTES = 4096
# One JSON object a line: another format, whose lines begin alike.
_LINES = (".manifest", ".jsonl", ".ndjson")


def is_coco(root: Path) -> bool:
    """Whether a root is a JSON file, or a folder with annotation files where COCO keeps them."""
    if root.is_file():
        suffix = root.suffix.lower()
        return suffix == ".json" or (suffix not in _LINES and _begins_as_coco(root))
    for base in base_folders(root, "coco"):
        if any(base.glob("annotations/*.json")) or any(base.glob("*/_annotations.coco.json")):
            return True
        # Other tools write JSON of their own beside their data.
        if any(
            file.stem.removeprefix("instances_") in _BY_NAME or _begins_as_coco(file)
            for file in base.glob("*.json")
        ):
            return True
    return False


def _begins_as_coco(file: Path) -> bool:
    """Whether a JSON file begins with a key of COCO's and, if it is short, lists images."""
    try:
        with open_regular(file) as content:
            start = content.read(_PEEKED_BYTES)
    except OSError:
        return False
    # Label Studio puts the names of classes beside YOLO's labels, in a file that begins alike.
    is_cut = len(start) == _PEEKED_BYTES
    return bool(_FIRST_KEY.match(start)) and (is_cut or b'"images"' in start)


def open_coco_folder(root: Path, selection: Selection) -> ListedDataset:
    """Open the named split, or the usual one, or the only file of a folder.

    A split may be the name of a JSON file: below the root, or else as a path of its own.

    Raises:
        DataError: there is none, saying which there are.
        OptionError: a split of a data set that is one file.
    """
    splits = selection.splits
    top = root
    if root.is_file():  # annotations and pictures stand beside each other
        top = root.parent.parent if root.parent.name == "annotations" else root.parent
        top = root.parent if top == top.parent else top  # not all of a disk
    if splits.lower().endswith(".json"):
        file = _named_file([top, root.parent] if root.is_file() else [top], splits)
        return _open(top if file.is_relative_to(top) else file.parent, selection, file)
    if root.is_file():
        if splits:
            raise OptionError(
                f"the data set {root} is one file and has no split {splits!r}; name the folder "
                "that holds the annotation files of all splits, another JSON file as a split, or "
                "leave the splits out",
                settings=("splits",),
            )
        return _open(top, selection, root)
    names = [one_split(splits)] if splits else _USUAL_SPLITS[selection.train]
    for name in names:
        for file in annotation_candidates(root, name):
            if is_present(file):
                return _open(root, selection, file, name)
    if not splits and (only := _only_file(root)):
        whole = _open(root, selection, only)
        whole.is_whole = True
        return whole
    looked_for = ", ".join(f"annotations/instances_{name}.json" for name in names)
    present = some_of(map(one_line, present_splits(root)), most=8) or "none"
    raise DataError(
        f"no split {' or '.join(names)} of COCO JSON in {root} ({looked_for} or {names[0]}.json); "
        f"it has {present}; name one of them",
        settings=("splits",),
    )


def _named_file(tops: list[Path], name: str) -> Path:
    places = [*(top / name for top in tops), Path(name).expanduser()]
    for place in places:
        if is_present(place):
            return place
    raise DataError(
        f"there is no file {places[0]}; name an annotation file below {tops[0]}, or give its path",
        settings=("splits",),
    )


def _only_file(root: Path) -> Path | None:
    """The annotation file of a folder that holds one, which is none of a usual split.

    Label Studio calls it result.json, FiftyOne labels.json, labelme2coco dataset.json.
    """
    for folder in (root, root / "annotations"):
        found = [file for file in sorted(folder.glob("*.json")) if _begins_as_coco(file)]
        if found:
            is_split = found[0].stem.removeprefix("instances_") in _BY_NAME
            return found[0] if len(found) == 1 and not is_split else None
    return None


def _open(root: Path, selection: Selection, file: Path, split: str = "") -> CocoDataset:
    return CocoDataset(
        root,
        # Its folder comes first: another split's pictures often have the same names.
        split=split or file.stem.removeprefix("instances_"),
        classes=selection.classes,
        use_crowd=selection.use_crowd or not selection.train,
        annotation_file=file,
        image_root=selection.image_root,
        rules=COCO_RULES.for_selection(selection)._replace(edge_px=selection.edge_px),
    )
