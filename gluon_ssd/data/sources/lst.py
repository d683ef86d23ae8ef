"""Data sets in the lists of MXNet's im2rec, with images as files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.sources.class_ids import IdImage, class_names, dataset_of, unique_ids
from gluon_ssd.data.sources.detection_label import are_pixels
from gluon_ssd.data.sources.image_finder import ImageFinder, image_folders
from gluon_ssd.data.sources.label_list import LIST_SUFFIX, ListEntry, read_label_list
from gluon_ssd.data.sources.split_files import files_with, split_files
from gluon_ssd.errors import DataError

_log = logging.getLogger(__name__)


def is_lst(root: Path) -> bool:
    """Whether a root is a list or a folder with lists, beside which no .rec file has the images."""
    lists = [root] if root.is_file() else files_with(root, (LIST_SUFFIX,))
    return any(
        path.suffix.lower() == LIST_SUFFIX and not path.with_suffix(".rec").is_file()
        for path in lists
    )


def open_lst(root: Path, selection: Selection) -> ListedDataset:
    """Open the lists of the chosen splits.

    Raises:
        DataError: a list is broken, naming the line; the images are not found; a split is not
            there.
    """
    files = split_files(root, selection, (LIST_SUFFIX,))
    lists = {path: read_label_list(path, tolerant=selection.tolerant) for path in files}
    keys = [(path.stem, entry.number) for path, entries in lists.items() for entry in entries]
    ids = iter(unique_ids(keys))
    images = [
        each for path, entries in lists.items() for each in _images(path, entries, ids, selection)
    ]
    names = class_names(root, selection, {}, lambda: _all_ids(root, files, images))
    return dataset_of(images, names, selection)


def _images(
    path: Path, entries: list[ListEntry], ids: Iterator[str | int], selection: Selection
) -> Iterator[IdImage]:
    folders = image_folders(path, selection.image_root)
    find = ImageFinder(path, folders, [each.path for each in entries])
    pixels = are_pixels(each.label for each in entries)
    if pixels:
        _log.warning("%s: the corners of its boxes are taken as pixels, not as fractions", path)
    for each in entries:
        yield IdImage(
            find(each.path, each.where),
            next(ids),
            each.label.objects,
            each.where,
            each.label.size_hw,
            not pixels,
            each.problems,
        )


def _all_ids(root: Path, read: list[Path], images: list[IdImage]) -> Iterator[int]:
    """The class ids of all lists of the data set."""
    for image in images:
        yield from (item.class_id for item in image.objects)
    others = files_with(root, (LIST_SUFFIX,)) if root.is_dir() else []
    for path in (path for path in others if path not in read):
        try:
            entries = read_label_list(path, tolerant=True)
        except DataError as error:
            _log.warning("class ids: %s is passed over (%s)", path, error)
            continue
        for entry in entries:
            yield from (item.class_id for item in entry.label.objects)
