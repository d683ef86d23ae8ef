"""Folders of pictures and XML files in VOC's form without ImageSets, as labelImg writes them.

The XML file of a picture has its name, and lies beside it or in a folder of annotations that
mirrors that of the pictures: images/train/a.jpg has annotations/train/a.xml or
train/annotations/a.xml, and no other file.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from gluon_ssd.data.dataset import (
    ListedDataset,
    ListedItem,
    Selection,
    class_index,
)
from gluon_ssd.data.images import IMAGE_SUFFIXES
from gluon_ssd.data.problems import Problem, log_lost_labels
from gluon_ssd.data.sources.listed_items import id_of
from gluon_ssd.data.sources.parts import (
    PICTURE_FOLDERS,
    USUAL_SPLITS,
    Part,
    as_used,
    find_parts,
    numbered,
    pictures_of,
)
from gluon_ssd.data.sources.voc import annotate, background, voc_folders
from gluon_ssd.data.sources.voc_class_names import class_names
from gluon_ssd.errors import DataError
from gluon_ssd.system.regular_file import open_regular

_log = logging.getLogger(__name__)

ANNOTATION_FOLDERS = ("Annotations", "annotations", "annotations/xmls", "labels", "xmls", "xml")
_MOST_PROBED = 5000  # entries of a folder
_PEEKED_BYTES = 4096
_VOC = re.compile(rb"<annotation[\s>]")


def is_xml_folder(root: Path) -> bool:
    """Whether a folder holds VOC's XML files where this module looks, and no lists of VOC."""
    if not root.is_dir() or voc_folders(root):
        return False
    names = ("", *PICTURE_FOLDERS, *(name for use in USUAL_SPLITS.values() for name in use))
    for name in names:
        for below in ("", *ANNOTATION_FOLDERS):
            if _holds_voc(root / name / below) or (
                name and below and _holds_voc(root / below / name)
            ):
                return True
    return False


def _holds_voc(folder: Path) -> bool:
    """Whether the first XML file of a folder is one of VOC's."""
    try:
        with os.scandir(folder) as entries:
            for entry, _ in zip(entries, range(_MOST_PROBED), strict=False):
                if entry.name.lower().endswith(".xml") and not entry.name.startswith("."):
                    with open_regular(entry.path) as file:
                        # UTF-16 has a zero byte beside each letter.
                        return bool(_VOC.search(file.read(_PEEKED_BYTES).replace(b"\0", b"")))
    except OSError:
        pass
    return False


def open_xml_folder(root: Path, selection: Selection) -> ListedDataset:
    """Open the named splits, or the usual one, or all of a set without splits.

    A picture without an XML file is left out and counted, or is a background if
    `selection.unlabelled_is_background`.

    Raises:
        DataError: no split, no picture, no object in any file, or a broken annotation file.
        OptionError: splits that cannot be read.
    """
    classes = tuple(selection.classes or ()) or class_names([root])
    labels_by_name = class_index(classes)
    files = _XmlFiles(root)
    problems: list[Problem] = []
    items: list[ListedItem] = []
    parts = find_parts(root, selection)
    for part in parts:
        pictures, again = as_used(pictures_of(part.place, root), train=selection.train)
        problems += again
        problems += _without_picture(part, pictures, files)
        for path in pictures:
            item = _item(path, files, labels_by_name, selection)
            if isinstance(item, Problem):
                problems.append(item)
            else:
                items.append(item)
    if not items:
        raise DataError(
            f"none of the pictures in {root} has an XML file of its name, beside it or in a folder "
            f"such as {ANNOTATION_FOLDERS[1]}"
        )
    _tell(root, problems)
    ids = numbered([str(item.image_id) for item in items])
    items = [item._replace(image_id=each) for item, each in zip(items, ids, strict=True)]
    dataset = ListedDataset(
        items, name="custom", classes=classes, metric="voc07", problems=problems
    )
    dataset.is_whole = not parts[0].name
    log_lost_labels(dataset.problems, dataset.name)
    return dataset


class _XmlFiles:
    """Where the XML files of pictures lie; each folder is judged once."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self._folders: dict[str, list[str]] = {}

    def of(self, picture: str) -> str | None:
        """The XML file of a picture, or None."""
        folder, name = os.path.split(picture)
        stem = os.path.splitext(name)[0]
        for place in self.folders(folder):
            path = os.path.join(place, f"{stem}.xml")
            if os.path.isfile(path):
                return path
        return None

    def folders(self, folder: str) -> list[str]:
        """Where the XML files of the pictures in a folder may lie, that folder first."""
        if folder not in self._folders:
            places = dict.fromkeys([folder, *self._mirrored(folder)])
            self._folders[folder] = [place for place in places if os.path.isdir(place)]
        return self._folders[folder]

    def _mirrored(self, folder: str) -> Iterator[str]:
        below = os.path.relpath(folder, self.root)
        parts = [] if below == os.curdir else below.split(os.sep)
        for name in ANNOTATION_FOLDERS:
            for place in reversed(range(len(parts))):
                if parts[place] in PICTURE_FOLDERS:
                    yield os.path.join(self.root, *parts[:place], name, *parts[place + 1 :])
            yield os.path.join(folder, name)
            yield os.path.join(self.root, name, *parts)


def _item(
    path: str, files: _XmlFiles, labels_by_name: dict[str, int], selection: Selection
) -> ListedItem | Problem:
    """An image, or that it has no annotation and is left out."""
    xml = files.of(path)
    found: list[Problem] = []
    if xml is not None:
        annotation, found = annotate(
            xml, path, labels_by_name, selection.tolerant, selection.other_labels
        )
    elif selection.unlabelled_is_background:
        annotation = background(path)
    else:
        return Problem("picture without annotation", path, "no XML file of its name")
    return ListedItem(path, id_of(path, files.root), annotation, tuple(found))


def _without_picture(part: Part, pictures: Sequence[str], files: _XmlFiles) -> Iterator[Problem]:
    """The XML files beside the pictures of a folder that belong to none of them."""
    if not part.place.is_dir():
        return  # a list says which pictures are meant; other files are those of other lists
    stems: dict[str, set[str]] = {}
    for path in pictures:
        folder, name = os.path.split(path)
        for place in files.folders(folder):
            stems.setdefault(place, set()).add(os.path.splitext(name)[0])
    for place, known in stems.items():
        for name in sorted(os.listdir(place)):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() == ".xml" and not name.startswith(".") and stem not in known:
                file = os.path.join(place, name)
                yield Problem("annotation without picture", file, "no picture of its name")


def _tell(root: Path, problems: Sequence[Problem]) -> None:
    """One warning for each kind of file that has no partner."""
    for reason, what in (
        ("picture without annotation", "pictures have no XML file and are left out"),
        ("annotation without picture", f"XML files have no picture ({', '.join(IMAGE_SUFFIXES)})"),
    ):
        found = [problem.file for problem in problems if problem.reason == reason]
        if found:
            _log.warning("%s: %d %s; the first is %s", root, len(found), what, found[0])
