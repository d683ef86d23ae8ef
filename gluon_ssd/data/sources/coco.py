"""Data sets in COCO's JSON format.

Boxes become corners as in the legacy reader: x_max = x + w - 1, then clipped to [0, W - 1]. Other
data sets in this format may count otherwise: see `Rules`.

Category ids may have gaps, as COCO's own do, and may start anywhere: a label is the position of the
category's name in the classes, whatever its id. An object of an id that no category has is an
unknown class, counted and left out; an id that two categories have is an error.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gluon_ssd.data.class_names import COCO_CLASSES
from gluon_ssd.data.dataset import (
    CocoFile,
    ListedDataset,
    ListedItem,
    RawObject,
    Selection,
    class_index,
    clean_objects,
)
from gluon_ssd.data.images import size_of_file
from gluon_ssd.data.problems import Problem, log_lost_labels
from gluon_ssd.data.sources.voc import base_folders
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.system.files import read_json

_PROBED_IMAGES = 20  # enough to tell the image folder from an empty one
_NOUNS: dict[type, str] = {int: "a whole number", str: "a text", list: "a list"}
NO_ID = -1


class Rules(NamedTuple):
    """What differs between data sets in this format.

    name: kind of data set.
    edge_px: 1 where x_max is the last pixel of a box, x + w - 1; 0 where it is x + w.
    check_categories: gets category id to name, by rising id, and the file; raises DataError.
    """

    name: str = "coco"
    edge_px: int = 1
    check_categories: Callable[[dict[int, str], Path], None] = lambda categories, path: None


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
        rules: those of COCO unless others are given.

    Images come in the order of their ids. Boxes of zero area are left out, counted in `problems`
    and logged; objects marked "ignore" too.

    Raises:
        DataError: file or images not found, broken JSON, a missing field, no class in common.
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
        rules: Rules = COCO_RULES,
    ) -> None:
        path = Path(annotation_file or _find_annotation_file(root, split)).expanduser()
        reader = _Reader(path, use_crowd, rules.edge_px)
        categories = reader.categories()
        rules.check_categories(categories, path)
        names = tuple(classes or categories.values())
        labels_by_name = class_index(names)
        category_ids = _ids_of_classes(names, categories, path)
        entries = reader.images()
        folder = _find_image_folder(root, split, path, entries)
        objects = reader.objects({entry["id"] for entry in entries}, categories)
        items = []
        for entry in entries:
            image_path = os.path.join(folder, entry["file_name"])
            annotation, found = clean_objects(
                objects.get(entry["id"], ()),
                labels_by_name=labels_by_name,
                size_hw=_declared_size(entry) or size_of_file(image_path),
                edge=rules.edge_px,
                file=f"{path} image {entry['id']} ({entry['file_name']})",
            )
            if len(annotation.labels) or not skip_empty:
                items.append(ListedItem(image_path, entry["id"], annotation, tuple(found)))
            else:
                reader.problems += found
        if not items:
            raise DataError(f"{path} has no image with a box of the classes asked for")
        super().__init__(
            items,
            name=rules.name,
            classes=names,
            metric="coco",
            problems=reader.problems,
            coco_file=CocoFile(str(path), category_ids, rules.edge_px),
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
        rules=COCO_RULES._replace(edge_px=selection.edge_px),
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
        f"{split}.json",
        f"{split}/_annotations.coco.json",
    )
    return [base / name for base in base_folders(root, "coco") for name in names]


def listed_images(root: str | os.PathLike[str], split: str) -> tuple[str, list[str]]:
    """The folder of a split's images, and the file names that its annotations list.

    Raises:
        DataError: no annotations of the split, broken ones, or no folder with such images.
    """
    path = _find_annotation_file(root, split)
    entries = _Reader(path, True, COCO_RULES.edge_px).images()
    return _find_image_folder(root, split, path, entries), [e["file_name"] for e in entries]


def _find_annotation_file(root: str | os.PathLike[str], split: str) -> Path:
    candidates = annotation_candidates(root, split)
    if found := [candidate for candidate in candidates if candidate.is_file()]:
        return found[0]
    raise DataError(
        f"no COCO annotations of split {split!r} under {os.fspath(root)}; looked for "
        f"{', '.join(map(str, candidates))}; give the folder that holds annotations/, or name "
        "another split",
        settings=("dataset_root", "splits"),
    )


def _find_image_folder(
    root: str | os.PathLike[str], split: str, path: Path, entries: list[dict[str, Any]]
) -> str:
    """The first folder that holds the images the annotation file starts with."""
    names = [entry["file_name"] for entry in entries[:_PROBED_IMAGES]]
    folders = [
        base / below
        for base in base_folders(root, "coco")
        for below in (split, f"images/{split}", "images", ".")
    ]
    # A file named by itself: beside it, or where its name says, as in the published layout.
    named = path.stem.removeprefix("instances_")
    folders += [path.parent, path.parent / "images", path.parent.parent / "images"]
    folders += [path.parent.parent / "data"]  # Open Images
    folders += [top / named for top in (path.parent.parent, path.parent.parent / "images")]
    folders = list(dict.fromkeys(folders))
    for folder in folders:
        if any((folder / name).is_file() for name in names):
            return str(folder)
    raise DataError(
        f"cannot find the images of {path}, such as {names[0]}; looked in "
        f"{', '.join(map(str, folders))}"
    )


def _ids_of_classes(
    names: Sequence[str], categories: dict[int, str], path: Path
) -> tuple[int, ...]:
    id_of_label: dict[int, int] = {}
    labels_by_name = class_index(names)
    for category_id, name in categories.items():
        label = labels_by_name.get(name, labels_by_name.get(name.lower()))
        if label is not None:
            id_of_label.setdefault(label, category_id)
    if not id_of_label:
        raise DataError(
            f"{path} has none of the {len(names)} classes ({', '.join(names[:3])}, ...); its "
            f"categories are {', '.join(categories.values())}; open a set of other classes as a "
            "custom one",
            settings=("dataset",),
        )
    return tuple(id_of_label.get(label, NO_ID) for label in range(len(names)))


def _declared_size(entry: dict[str, Any]) -> tuple[int, int] | None:
    height, width = entry.get("height"), entry.get("width")
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        return height, width
    return None


class _Reader:
    """Reads the parsed JSON; its errors name what is missing and where."""

    def __init__(self, path: Path, use_crowd: bool, edge_px: int) -> None:
        self.path = path
        self.use_crowd = use_crowd
        self.edge_px = edge_px
        self.problems: list[Problem] = []
        self._content = read_json(path)
        if not isinstance(self._content, dict):
            raise DataError(f"{path} is no COCO annotation file: it holds no JSON object")

    def _records(self, key: str, fields: dict[str, type]) -> list[dict[str, Any]]:
        records = self._content.get(key)
        if not isinstance(records, list):
            raise DataError(f"{self.path} is no COCO annotation file: it has no list {key!r}")
        for number, record in enumerate(records):
            for field, kind in fields.items():
                if not isinstance(record, dict) or field not in record:
                    raise DataError(f"{self.path}: {key}[{number}] has no {field!r}; add it")
                if not isinstance(record[field], kind):
                    raise DataError(
                        f"{self.path}: {key}[{number}] {field!r} must be {_NOUNS[kind]}; "
                        f"got {record[field]!r}"
                    )
        return records

    def categories(self) -> dict[int, str]:
        """Category id to name, by rising id."""
        records = self._records("categories", {"id": int, "name": str})
        if not records:
            raise DataError(f"{self.path} lists no category; label some images first")
        names: dict[int, str] = {}
        for record in sorted(records, key=lambda r: r["id"]):
            if record["id"] in names:
                raise DataError(
                    f"{self.path}: the categories {names[record['id']]!r} and {record['name']!r} "
                    f"both have the id {record['id']}; give each an id of its own"
                )
            names[record["id"]] = record["name"]
        return names

    def images(self) -> list[dict[str, Any]]:
        """Image records by rising id, each id once."""
        first: dict[Any, dict[str, Any]] = {}
        records = self._records("images", {"id": int, "file_name": str})
        if not records:
            raise DataError(f"{self.path} lists no image; export it with its images")
        for record in records:
            if record["id"] in first:
                detail = f"image id {record['id']} again"
                self.problems.append(Problem("duplicate image", str(self.path), detail))
            first.setdefault(record["id"], record)
        return [first[image_id] for image_id in sorted(first)]

    def objects(self, image_ids: set[Any], categories: dict[int, str]) -> dict[Any, Sequence[Any]]:
        """Image id to its objects, in file order."""
        objects: dict[Any, list[RawObject]] = defaultdict(list)
        fields = {"image_id": int, "category_id": int, "bbox": list}
        for number, record in enumerate(self._records("annotations", fields)):
            where = f"annotations[{number}]"
            item = self._object(record, where, categories)
            skipped = self._why_skipped(record, image_ids)
            if skipped:
                detail = f"{where} of image {record['image_id']}"
                self.problems.append(Problem(skipped, str(self.path), detail))
            else:
                objects[record["image_id"]].append(item)
        return dict(objects)

    def _why_skipped(self, record: dict[str, Any], image_ids: set[Any]) -> str | None:
        if record["image_id"] not in image_ids:
            return "label of an unlisted image"
        if record.get("ignore") == 1:
            return "marked as ignore"
        return "crowd" if record.get("iscrowd") and not self.use_crowd else None

    def _object(self, record: dict[str, Any], where: str, categories: dict[int, str]) -> RawObject:
        box = record["bbox"]
        if len(box) != 4 or not all(map(_is_finite, box)):
            raise DataError(f"{self.path}: {where} bbox must be 4 numbers x, y, w, h; got {box!r}")
        x, y, width, height = box
        area = record.get("area")
        if isinstance(area, int | float) and area <= 0:
            width = height = 0  # the legacy reader requires area > 0 as well as a box
        return RawObject(
            name=categories.get(record["category_id"], f"category {record['category_id']}"),
            box=(x, y, x + max(width - self.edge_px, 0), y + max(height - self.edge_px, 0)),
            crowd=bool(record.get("iscrowd")),
        )


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
