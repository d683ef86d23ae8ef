"""Data sets in COCO's JSON format.

Boxes become corners as in the legacy reader: x_max = x + w - 1, then clipped to [0, W - 1]. Other
data sets in this format may count otherwise: see `Rules`.

Category ids may have gaps, as COCO's own do, and may start anywhere: a label is the position of the
category's name in the classes, whatever its id. An object of an id that no category has is an
unknown class, counted and left out; an id that two categories have is an error.

The metric is computed from the objects that are kept here, with the numbers of the file: x, y, w, h
and area. The file is not read again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from gluon_ssd.data.class_names import COCO_CLASSES
from gluon_ssd.data.dataset import (
    CocoFile,
    ListedDataset,
    ListedItem,
    Selection,
    class_index,
    clean_objects,
)
from gluon_ssd.data.orientations import size_without_doubt
from gluon_ssd.data.problems import log_lost_labels
from gluon_ssd.data.sources.coco_categories import own_classes
from gluon_ssd.data.sources.coco_json import (
    WITHOUT_ANNOTATIONS,
    Category,
    CocoJson,
    ImageEntry,
)
from gluon_ssd.data.sources.path_ends import parts_of
from gluon_ssd.data.sources.pictures import PictureFinder
from gluon_ssd.data.sources.voc import base_folders
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.system.regular_file import is_present
from gluon_ssd.system.wording import shown, some_of

_PROBED_IMAGES = 20  # enough to tell the image folder from an empty one
NO_ID = -1


class Rules(NamedTuple):
    """What differs between data sets in this format, and between uses of one.

    name: kind of data set.
    edge_px: 1 where x_max is the last pixel of a box, x + w - 1; 0 where it is x + w.
    check_categories: gets category id to name, by rising id, and the file; raises DataError.
    tolerant: count broken annotations instead of raising; for checking only.
    other_labels: the reason under which labels of other classes are counted.
    """

    name: str = "coco"
    edge_px: int = 1
    check_categories: Callable[[dict[int, str], Path], None] = lambda categories, path: None
    tolerant: bool = False
    other_labels: str = "unknown class"

    def for_selection(self, selection: Selection) -> Rules:
        """The same rules for a use of the data set."""
        return self._replace(tolerant=selection.tolerant, other_labels=selection.other_labels)


COCO_RULES = Rules()


class CocoDataset(ListedDataset):
    """Images and boxes of one COCO annotation file.

    Args:
        root: the folder that holds train2017/, val2017/ and annotations/ (directly or in coco/).
        split: "val2017", "train2017" or the like.
        classes: label order; None takes all categories of the file by rising id.
        skip_empty: leave out images without a usable box (legacy training).
        use_crowd: keep crowd boxes, flagged (legacy training).
        annotation_file: JSON file to read in place of the split's usual one.
        image_root: folder of the pictures; empty looks for it.
        rules: those of COCO unless others are given.

    Images come in the order of their ids. Boxes of zero area are left out, counted in `problems`
    and logged; objects marked "ignore" too.

    Raises:
        DataError: file or images not found, broken JSON, a missing field, a picture outside the
            data set, no class in common.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        split: str = "val2017",
        classes: Sequence[str] | None = COCO_CLASSES,
        skip_empty: bool = False,
        use_crowd: bool = True,
        annotation_file: str | os.PathLike[str] | None = None,
        image_root: str = "",
        rules: Rules = COCO_RULES,
    ) -> None:
        path = Path(annotation_file or _find_annotation_file(root, split)).expanduser()
        content = CocoJson(
            path, use_crowd=use_crowd, edge_px=rules.edge_px, tolerant=rules.tolerant
        )
        categories = content.categories()
        rules.check_categories({number: each.name for number, each in categories.items()}, path)
        names = tuple(classes or own_classes(categories, content.labelled_categories(), path))
        labels_by_name = class_index(names)
        category_ids = _ids_of_classes(names, categories, path)
        entries = content.images()
        folder = os.path.expanduser(image_root) or _find_image_folder(root, split, path, entries)
        locate = _Locator(image_root or root, path, folder)
        objects = content.objects({entry.image_id for entry in entries}, categories)
        items = []
        for entry in entries:
            image_path = locate(entry)
            annotation, found = clean_objects(
                objects.get(entry.image_id, ()),
                labels_by_name=labels_by_name,
                size_hw=entry.size_hw or size_without_doubt(image_path),
                edge=rules.edge_px,
                file=f"{path} image {entry.image_id} ({entry.file_name})",
                others=rules.other_labels,
            )
            if len(annotation.labels) or not skip_empty:
                items.append(ListedItem(image_path, entry.image_id, annotation, tuple(found)))
            else:
                content.problems += found
        locate.tell()
        if not items:
            raise DataError(f"{path} has no image with a box of the classes asked for")
        super().__init__(
            items,
            name=rules.name,
            classes=names,
            metric="coco",
            problems=content.problems,
            coco_file=CocoFile(category_ids, rules.edge_px, content.is_annotated),
        )
        log_lost_labels(self.problems, self.name)


def open_coco(selection: Selection) -> CocoDataset:
    """Open one split, as legacy does: training alone leaves out images without a usable box."""
    return CocoDataset(
        selection.root,
        split=one_split(selection.splits),
        classes=selection.classes,
        skip_empty=selection.train and not selection.keep_empty,
        use_crowd=selection.use_crowd or not selection.train,
        rules=COCO_RULES.for_selection(selection)._replace(edge_px=selection.edge_px),
    )


def one_split(text: str) -> str:
    """The name itself. Raises OptionError where it is several, joined by +."""
    if "+" in text:
        raise OptionError(
            f"the splits of COCO JSON must be one split; got {text!r}", settings=("splits",)
        )
    return text


def annotation_candidates(root: str | os.PathLike[str], split: str) -> list[Path]:
    """Where the annotation file of a split may be."""
    names = (
        f"annotations/instances_{split}.json",
        f"annotations/{split}.json",
        f"annotations/{WITHOUT_ANNOTATIONS}{split}.json",
        f"{split}.json",
        f"instances_{split}.json",
        f"{split}/_annotations.coco.json",
    )
    return [base / name for base in base_folders(root, "coco") for name in names]


def listed_images(root: str | os.PathLike[str], split: str) -> tuple[str, list[str]]:
    """The folder of a split's images, and the file names that its annotations list.

    Raises:
        DataError: no annotations of the split, broken ones, or no folder with such images.
    """
    path = _find_annotation_file(root, split)
    entries = CocoJson(path).images()
    return _find_image_folder(root, split, path, entries), [each.file_name for each in entries]


def present_splits(root: str | os.PathLike[str]) -> list[str]:
    """The splits that have an annotation file where `annotation_candidates` looks."""
    names = set()
    for base in base_folders(root, "coco"):
        for file in base.glob("annotations/*.json"):
            names.add(file.stem.removeprefix("instances_").removeprefix(WITHOUT_ANNOTATIONS))
        names |= {file.stem.removeprefix("instances_") for file in base.glob("*.json")}
        names |= {file.parent.name for file in base.glob("*/_annotations.coco.json")}
    return sorted(names)


def _find_annotation_file(root: str | os.PathLike[str], split: str) -> Path:
    candidates = annotation_candidates(root, split)
    if found := [candidate for candidate in candidates if is_present(candidate)]:
        return found[0]
    raise DataError(
        f"no COCO annotations of split {split!r} under {os.fspath(root)}; looked for "
        f"{', '.join(map(str, candidates))}; give the folder that holds annotations/, or name "
        f"another split{_among(root)}",
        settings=("dataset_root", "splits"),
    )


def _among(root: str | os.PathLike[str]) -> str:
    names = present_splits(root)
    return f"; there are {some_of(map(shown, names), most=8)}" if names else ""


def _find_image_folder(
    root: str | os.PathLike[str], split: str, path: Path, entries: list[ImageEntry]
) -> str:
    """The first folder that holds the images the annotation file starts with."""
    names = [entry.file_name for entry in entries if parts_of(entry.file_name)[1]][:_PROBED_IMAGES]
    folders = [
        base / below
        for base in base_folders(root, "coco")
        for below in (split, f"images/{split}", "images", ".")
    ]
    # A file named by itself: beside it, or where its name says, as in the published layout.
    named = path.stem.removeprefix("instances_")
    folders += [path.parent, path.parent / "images", path.parent.parent / "images"]
    # Open Images, and FiftyOne.
    folders += [path.parent.parent / "data", path.parent / "data"]
    folders += [top / named for top in (path.parent.parent, path.parent.parent / "images")]
    folders = list(dict.fromkeys(folders))
    for folder in folders:
        if any(os.path.isfile(folder / name) for name in names):
            return str(folder)
    if not names:  # their own paths say where they are
        return str(next((folder for folder in folders if folder.is_dir()), path.parent))
    raise DataError(
        f"cannot find the images of {path}, such as {names[0]}; looked in "
        f"{', '.join(map(str, folders))}"
    )


class _Locator:
    """Where the picture of an entry lies; none may lie outside the data set."""

    def __init__(self, root: str | os.PathLike[str], path: Path, folder: str) -> None:
        self.path, self.folder = path, folder
        tops = {os.path.abspath(Path(root).expanduser()), os.path.abspath(folder)}
        # Annotations and pictures of one export stand beside each other.
        tops.add(os.path.commonpath([os.path.abspath(path.parent), os.path.abspath(folder)]))
        self.tops = tuple(sorted(tops - {os.path.abspath(os.sep)}))
        top = Path(root).expanduser()
        self._find = PictureFinder(top, [Path(folder)], str(path))

    def __call__(self, entry: ImageEntry) -> str:
        name = entry.file_name
        place = os.path.join(self.folder, name)
        if parts_of(name)[1] or os.path.isfile(place) and self._is_inside(place):
            return place
        found = self._find(name)  # as it lay on another computer
        if (os.path.isabs(name) or ".." in name.split("/")) and not os.path.isfile(found):
            raise DataError(
                f"{self.path}: the picture {shown(name, 200)} of image {shown(entry.image_id)} "
                f"lies outside the data set, which is in {' and '.join(self.tops)}; write paths "
                "below the folder of the pictures"
            )
        return found

    def _is_inside(self, place: str) -> bool:
        target = os.path.abspath(place)
        return any(target.startswith(os.path.join(top, "")) for top in self.tops)

    def tell(self) -> None:
        """One warning about the pictures that were looked for by their names."""
        self._find.tell()


def _ids_of_classes(
    names: Sequence[str], categories: dict[int, Category], path: Path
) -> tuple[int, ...]:
    id_of_label: dict[int, int] = {}
    labels_by_name = class_index(names)
    for category_id, category in categories.items():
        label = labels_by_name.get(category.name, labels_by_name.get(category.name.lower()))
        if label is not None:
            id_of_label.setdefault(label, category_id)
    if not id_of_label:
        found = some_of((each.name for each in categories.values()), most=20)
        raise DataError(
            f"{path} has none of the {len(names)} classes ({', '.join(names[:3])}, ...); its "
            f"categories are {found}; open a set of other classes as a custom one",
            settings=("dataset",),
        )
    return tuple(id_of_label.get(label, NO_ID) for label in range(len(names)))
